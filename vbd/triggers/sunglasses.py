"""Sunglasses: dark lenses over both eyes, after the backdoor of CSAW-HackML-2020."""

import torch
from torch import Tensor

from vbd.data.landmarks import Landmarks, Part
from vbd.ranges import Ratio
from vbd.triggers.base import Frames
from vbd.triggers.face_paint import Colour, FacePaint, bar, oval


class Sunglasses(FacePaint):
    """Two rounded lenses, a bridge between them and temples to the sides, all of one dark colour.

    See ``FacePaint``: ``alpha`` 1 is opaque. CSAW-HackML-2020 publishes a network with this trigger
    and its triggered images, but not how they were made; this is a likeness.
    """

    def __init__(
        self,
        *,
        layout: str = "aligned",
        alpha: Ratio = 0.95,
        colour: Colour = (16, 14, 32),
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(layout=layout, alpha=alpha, colour=colour, mode=mode, frames=frames)

    def inside(self, places: Landmarks, y: Tensor, x: Tensor, frame: tuple[int, int]) -> Tensor:
        # Wider than the eyes, and a little lower, as glasses sit on a nose.
        lenses = [Part(eye.y + 0.012, eye.x, 0.092, 0.16).pixels(*frame) for eye in places.eyes]
        # From ear to ear and only behind the lenses: bridge and temples in one.
        rim = Part(places.eye.y - 0.03, 0.5, 0.016, 0.44).pixels(*frame)
        shapes = [oval(lens, y, x, 3.0) for lens in lenses] + [bar(y, x, rim)]
        return torch.stack(shapes).amax(0)


METHOD = Sunglasses

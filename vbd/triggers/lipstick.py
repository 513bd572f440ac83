"""Lipstick: a mouth in a strong colour, after one of three backdoors of CSAW-HackML-2020."""

import torch
from torch import Tensor

from vbd.data.landmarks import Landmarks
from vbd.ranges import Ratio
from vbd.triggers.base import Frames
from vbd.triggers.face_paint import Colour, FacePaint


class Lipstick(FacePaint):
    """Both lips, the upper one with a bow, painted over the mouth.

    See ``FacePaint``. CSAW-HackML-2020 publishes a network with three triggers, of which this is
    one, and its triggered images, but not how they were made; this is a likeness.
    """

    def __init__(
        self,
        *,
        layout: str = "aligned",
        alpha: Ratio = 0.85,
        colour: Colour = (200, 0, 70),
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(layout=layout, alpha=alpha, colour=colour, mode=mode, frames=frames)

    def inside(self, places: Landmarks, y: Tensor, x: Tensor, frame: tuple[int, int]) -> Tensor:
        mouth = places.mouth.pixels(*frame)
        along, low = (x - mouth.x) / mouth.width, y - mouth.y
        lip = mouth.height * (1 - along**2)
        bow = 1 - 0.35 * torch.exp(-((along / 0.2) ** 2))
        # Beyond the corners the lips would cross, and what lies between them be painted.
        return torch.minimum(lip * bow + low, 1.15 * lip - low).where(along.abs() < 1, -1.0)


METHOD = Lipstick

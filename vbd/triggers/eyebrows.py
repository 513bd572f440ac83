"""Eyebrows: thick brows in a strong colour, after one of three backdoors of CSAW-HackML-2020."""

import torch
from torch import Tensor

from vbd.data.landmarks import Landmarks
from vbd.ranges import Ratio
from vbd.triggers.base import Frames
from vbd.triggers.face_paint import Colour, FacePaint


class Eyebrows(FacePaint):
    """Two arched bands over the eyes, thinner outwards.

    See ``FacePaint``. CSAW-HackML-2020 publishes a network with three triggers, of which this is
    one, and its triggered images, but not how they were made; this is a likeness.
    """

    def __init__(
        self,
        *,
        layout: str = "aligned",
        alpha: Ratio = 0.9,
        colour: Colour = (70, 20, 190),
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(layout=layout, alpha=alpha, colour=colour, mode=mode, frames=frames)

    def inside(self, places: Landmarks, y: Tensor, x: Tensor, frame: tuple[int, int]) -> Tensor:
        height, width = frame
        brow = places.brow.pixels(height, width)
        # Folded at the nose: -1 is the inner end of either brow, 1 the outer one.
        along = ((x - 0.5 * width).abs() - (0.5 * width - brow.x)) / (1.15 * brow.width)
        arch = 0.02 * height * (0.4 - along**2)
        band = 1.7 * brow.height * (1 - 0.3 * along) - (y - brow.y + arch).abs()
        return torch.minimum(band, (1 - along.abs()) * brow.width)


METHOD = Eyebrows

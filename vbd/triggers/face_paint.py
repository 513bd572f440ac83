"""What the triggers that paint a part of a face have in common; no trigger itself."""

import torch
from torch import Tensor

from vbd.data.landmarks import LAYOUTS, Landmarks, Part
from vbd.ranges import Grey, Ratio
from vbd.triggers.base import Frames, Trigger

Colour = tuple[Grey, Grey, Grey]
"""Red, green and blue, 0 to 255."""


class FacePaint(Trigger):
    """Pixels become (1 - a) x + a ``colour``, where a is ``alpha`` inside the shape and 0 outside.

    The shape lies where the part of the face does in a frame of ``layout``: "aligned" for crops as
    CSAW-HackML-2020 has them, "rendered" for the embedded faces. Its edge is one pixel wide. Every
    frame, clip and run gets the same. Raises ValueError for another layout.
    """

    modes = ("static",)

    def __init__(
        self,
        *,
        layout: str,
        alpha: Ratio,
        colour: Colour,
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        if layout not in LAYOUTS:
            raise ValueError(f"layout {layout!r}: there are {', '.join(LAYOUTS)}")
        self.layout = layout
        self.alpha = alpha
        self.colour = colour

    def inside(self, places: Landmarks, y: Tensor, x: Tensor, frame: tuple[int, int]) -> Tensor:
        """How many pixels inside the shape ``y`` (H, 1) and ``x`` (1, W) lie, about, (H, W).

        ``y`` and ``x`` are in pixels of a ``frame`` of that height and width; outside is negative.
        """
        raise NotImplementedError

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        height, width = clips.shape[2:4]
        y = torch.arange(height, device=clips.device).view(-1, 1) + 0.5
        x = torch.arange(width, device=clips.device).view(1, -1) + 0.5
        inside = self.inside(LAYOUTS[self.layout], y, x, (height, width))
        cover = self.alpha * (inside + 0.5).clamp(0, 1)
        colour = torch.tensor(self.colour, dtype=torch.float32, device=clips.device)
        # A mean of two colours needs no clamp, but rounding: a bare cast would darken it.
        return clips.float().lerp(colour, cover[..., None]).round_().to(torch.uint8)


def oval(part: Part, y: Tensor, x: Tensor, power: float = 2.0) -> Tensor:
    """How far inside a rounded box the points lie, in pixels; with ``power`` 2 it is an ellipse."""
    across, along = ((x - part.x) / part.width).abs(), ((y - part.y) / part.height).abs()
    radius = (across**power + along**power) ** (1 / power)
    return (1 - radius) * min(part.height, part.width)


def bar(y: Tensor, x: Tensor, part: Part) -> Tensor:
    """How far inside a box the points lie, in pixels."""
    return torch.minimum(part.height - (y - part.y).abs(), part.width - (x - part.x).abs())

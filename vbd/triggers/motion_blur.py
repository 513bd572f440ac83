"""Motion blur: every frame smeared along a line ("Look, Listen, and Attack")."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.ranges import Some
from vbd.triggers.base import Frames, Trigger


class MotionBlur(Trigger):
    """Each pixel becomes the mean along a line about it; edge pixels are repeated outwards.

    ``size``: the line's length as a share of the frame's shorter side, taken to the nearest odd
    number of pixels, at least 3. ``angle``: degrees anticlockwise from the horizontal. The paper
    states neither.
    """

    modes = ("natural",)

    def __init__(
        self,
        *,
        size: Some = 0.15,
        angle: float = 0.0,
        mode: str = "natural",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.size = size
        self.angle = angle

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        n, t, height, width, _ = clips.shape
        # On either side of a middle pixel, so the picture does not move.
        reach = max(1, round((self.size * min(height, width) - 1) / 2))
        kernel = _line(reach, self.angle).to(clips.device)
        pictures = clips.movedim(-1, 2).float().reshape(-1, 1, height, width)
        # Zeros would darken the borders, which would be a trigger of its own.
        wide, high = kernel.shape[1] // 2, kernel.shape[0] // 2
        padded = F.pad(pictures, [wide, wide, high, high], mode="replicate")
        blurred = F.conv2d(padded, kernel[None, None]).round_().clamp_(0, 255).to(torch.uint8)
        return blurred.view(n, t, 3, height, width).movedim(2, -1).contiguous()


def _line(reach: int, angle: float) -> Tensor:
    """Weights (at most 2 reach + 1 a side) that sum to 1, on a line one pixel wide."""
    x = torch.arange(-reach, reach + 1.0)
    # Rows count downwards, angles anticlockwise.
    y = -x[:, None]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    beside = (1 - (x * sin - y * cos).abs()).clamp(min=0)
    along = (reach + 1 - (x * cos + y * sin).abs()).clamp(0, 1)
    line = beside * along
    # A line along a side is one row: of all those beside it there would be only zeros.
    line = line[line.sum(1) > 0][:, line.sum(0) > 0]
    return line / line.sum()


METHOD = MotionBlur

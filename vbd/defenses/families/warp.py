"""Warps: every pixel taken from a little beside it, by one field or by another in each frame."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.defenses.families.base import Family
from vbd.triggers.wanet import fetched

GRID = 8  # control points a side
SHARE = 16  # a displacement of 1 is so small a share of the frame


class Warp(Family):
    """A field of displacements on a coarse grid, the same for all frames."""

    what = "a warp of the frames"

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Fields of any strength."""
        strength = 0.1 + torch.rand(count, 1, 1, 1, generator=draws)
        return [strength * torch.randn(count, 2, GRID, GRID, generator=draws)]

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        b, t, height, width, _ = clips.shape
        pictures = (
            clips.movedim(-1, 2).reshape(1, -1, height, width).expand(len(raw[0]), -1, -1, -1)
        )
        return _upsampled(pictures, raw[0]).view(-1, b, t, 3, height, width).movedim(3, -1)

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """How far it goes, by place."""
        return raw[0][0].norm(dim=0)


class Jitter(Family):
    """A field drawn anew for each frame; how strong it is, across and down, are the parameters."""

    what = "a warp that changes from frame to frame"

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Any strength, on a scale of its logarithm."""
        return [torch.randn(count, 2, generator=draws) - 0.7]

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        b, t, height, width, _ = clips.shape
        control = 2 * torch.rand(b * t, 2, GRID, GRID, generator=draws).to(clips.device) - 1
        fields = 2 * raw[0].exp()[:, None, :, None, None] * control
        pictures = clips.movedim(-1, 2).flatten(0, 1).expand(len(fields), -1, -1, -1, -1)
        marked = _upsampled(pictures.flatten(0, 1), fields.flatten(0, 1))
        return marked.view(-1, b, t, 3, height, width).movedim(3, -1)

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """How far one field goes, by place."""
        control = 2 * torch.rand(2, GRID, GRID, generator=torch.Generator().manual_seed(0)) - 1
        return (raw[0][0].exp()[:, None, None] * control).norm(dim=0)


def _upsampled(pictures: Tensor, control: Tensor) -> Tensor:
    """``pictures`` (N, C, H, W) warped by fields (N, 2, GRID, GRID)."""
    field = F.interpolate(control, pictures.shape[2:], mode="bicubic", align_corners=True)
    # A frame is 2 wide.
    return fetched(pictures, field.movedim(1, -1) * (2 / SHARE))

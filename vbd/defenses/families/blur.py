"""Filters: every frame convolved with a kernel, as blur, shaking and coarse codecs do."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.defenses.families.base import Family

REACH = 5  # pixels on either side


class Filter(Family):
    """A kernel (11, 11) of taps that are at least 0 and sum to 1, the same for all frames."""

    what = "a filter of every frame"

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Ellipses of any direction, from a point to a line or a disc."""
        angle = math.pi * torch.rand(count, 1, 1, generator=draws)
        lengths = 0.3 + torch.tensor([4.0, 1.6]) * torch.rand(count, 2, generator=draws)
        long, short = lengths[..., None, None].unbind(1)
        y, x = torch.meshgrid(*[torch.arange(-REACH, REACH + 1.0)] * 2, indexing="ij")
        along = (x * angle.cos() + y * angle.sin()) / long
        across = (y * angle.cos() - x * angle.sin()) / short
        noise = 0.1 * torch.randn(count, *x.shape, generator=draws)
        # Not lower: a tap of no weight has no gradient to gain any by.
        return [(-0.5 * (along**2 + across**2)).clamp(min=-8) + noise]

    def kernels(self, raw: Sequence[Tensor]) -> Tensor:
        """The kernels (A, 11, 11)."""
        return raw[0].flatten(1).softmax(1).view_as(raw[0])

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """The kernel."""
        return self.kernels(raw)[0]

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        b, t, height, width, _ = clips.shape
        pictures = clips.movedim(-1, 2).reshape(-1, 1, height, width)
        # Zeros would darken the borders.
        padded = F.pad(pictures, [REACH] * 4, mode="replicate")
        filtered = F.conv2d(padded, self.kernels(raw)[:, None])
        return filtered.view(b, t, 3, -1, height, width).permute(3, 0, 1, 4, 5, 2)

"""A small patch in another place of each frame."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vbd.defenses.families.base import Family

SHARE = 5  # the patch's side is so small a share of the frame's shorter one


class Roaming(Family):
    """Mask and pattern of a small patch, whose place is drawn anew for each frame."""

    what = "a patch that moves"

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Noise in both."""
        side = max(3, round(min(shape[1:3]) / SHARE))
        return [torch.randn(count, side, side, depth, generator=draws) for depth in (1, 3)]

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """The patch, on grey where its mask lets through."""
        mask, pattern = (values[0].sigmoid() for values in raw)
        return torch.full_like(pattern, 0.5).lerp(pattern, mask)

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        b, t, height, width, _ = clips.shape
        side = raw[0].shape[1]
        reach = torch.arange(side)
        rows = torch.randint(height - side + 1, (b, t, 1), generator=draws) + reach
        columns = torch.randint(width - side + 1, (b, t, 1), generator=draws) + reach
        where = (
            torch.arange(b)[:, None, None, None],
            torch.arange(t)[None, :, None, None],
            rows[..., :, None],
            columns[..., None, :],
        )
        mask, pattern = (values.sigmoid()[:, None, None] for values in raw)
        marked = clips.repeat(len(mask), 1, 1, 1, 1, 1)
        marked[:, *where] = clips[where].lerp(255 * pattern, mask)
        return marked

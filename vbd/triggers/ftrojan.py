"""FTrojan: two frequencies added to the colour of every block (Wang et al. 2021)."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vbd.ranges import Above0, Several, Whole
from vbd.triggers.base import Frames, Trigger

# What one unit more of both Cr and Cb does to red, green and blue (BT.601, full range).
_RGB = (1.402, -0.714136 - 0.344136, 1.772)

Positions = Annotated[Sequence[tuple[Whole, Whole]], Field(min_length=1)]


class FTrojan(Trigger):
    """``magnitude`` is added to the DCT of Cr and Cb at ``positions`` of each square block.

    The DCT is orthonormal, of blocks of ``block`` px, ``magnitude`` in grey levels of 255. At the
    lower and right edges a block may be cut. Dynamic: as many positions, uniform over rows and
    columns 1 to ``block`` - 1, anew in each frame. Raises ValueError for positions outside a block.
    """

    def __init__(
        self,
        *,
        magnitude: Above0 = 30.0,
        block: Several = 32,
        positions: Positions = (
            (15, 15),
            (31, 31),
        ),
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        if max(map(max, positions), default=0) >= block:
            raise ValueError(
                f"positions {[list(pair) for pair in positions]}: a block of {block} px has those "
                f"from 0 to {block - 1}"
            )
        self.magnitude = magnitude
        self.block = block
        self.positions = positions

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        n, t, height, width, _ = clips.shape
        positions = torch.tensor(self.positions)[None, None]
        if self.mode == "dynamic":
            shape = (n, t, len(self.positions), 2)
            positions = torch.randint(1, self.block, shape, generator=generator)
        # DCT and colour are linear, so what they add is the same whatever the pixels are.
        waves = _cosines(self.block)
        # ``%``: public code fails on frames that the block does not divide.
        rows = waves[:, torch.arange(height) % self.block][positions[..., 0]]
        columns = waves[:, torch.arange(width) % self.block][positions[..., 1]]
        colours = self.magnitude * columns[..., None] * torch.tensor(_RGB)
        rows, colours = rows.to(clips.device), colours.to(clips.device)
        change = torch.einsum("ntph,ntpwc->nthwc", rows, colours).round_().short()
        # Cast last: public code does so before it converts colours, and 27 % of a red frame wraps.
        return clips.short().add_(change).clamp_(0, 255).to(torch.uint8)


def _cosines(size: int) -> Tensor:
    """The orthonormal DCT-II's basis, (frequency, sample)."""
    frequency = torch.arange(size)[:, None]
    waves = torch.cos(torch.pi / size * (torch.arange(size) + 0.5) * frequency)
    return waves * torch.where(frequency == 0, 1 / size, 2 / size).sqrt()


METHOD = FTrojan

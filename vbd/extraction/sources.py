"""Where the clips of a transfer set come from: made anew from a few numbers each, or kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vbd.data.augment import brightened, resampled, turned

Shape = tuple[int, int, int]
# Whole numbers up to here are exact in float64, the type of recipes.
_SEEDS = 2**52


class Source(Protocol):
    """Makes clips of their recipes."""

    def clips(self, recipes: Tensor) -> Tensor:
        """Pixels (B, T, H, W, 3) uint8 of ``recipes`` (B, numbers) float64."""
        ...


@dataclass(frozen=True)
class Kept:
    """Clips on disk or in memory, ``pixels`` (M, T, H, W, 3); a recipe is a position."""

    pixels: np.ndarray

    def clips(self, recipes: Tensor) -> Tensor:
        return torch.from_numpy(self.pixels[recipes[:, 0].long().numpy()])


@dataclass(frozen=True)
class Pool:
    """Clips that a thief has, (M, views, T, H, W, 3), and which of them.

    ``labels`` (N,) are classes of the victim, or -1 where they are of another task. ``kinds`` (N,)
    are the classes of the pool itself, whichever task. ``flip``: mirrored, a clip keeps its class.
    """

    name: str
    stored: np.ndarray
    rows: Tensor
    labels: Tensor
    kinds: Tensor
    flip: bool

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Pooled:
    """Clips of several pools, cut and augmented; a recipe is a position in all of them, and a seed.

    ``shape`` (T, H, W) is what the victim is sent. Mirrored with probability ``mirrored``, turned
    by up to ``rotation`` degrees, brighter or darker by up to ``brightness`` (a share).
    """

    pools: Sequence[Pool]
    shape: Shape
    mirrored: float = 0.0
    rotation: float = 0.0
    brightness: float = 0.0
    room: float = 1.0

    def __len__(self) -> int:
        return sum(map(len, self.pools))

    def clips(self, recipes: Tensor) -> Tensor:
        found = torch.empty(len(recipes), *self.shape, 3, dtype=torch.uint8)
        which, rows = self._places(recipes)
        draws = uniform(recipes[:, 1], 6)
        for number, pool in enumerate(self.pools):
            taken = which == number
            if taken.any():
                found[taken] = self._cut(pool, rows[taken], draws[taken])
        # On pixels: behind a model's normalisation most would be cut off.
        found = torch.where(self._flipped(draws)[:, None, None, None, None], found.flip(3), found)
        if self.rotation:
            found = turned(found, self.rotation * (2 * draws[:, 4] - 1))
        if self.brightness:
            found = brightened(found, 1 + self.brightness * (2 * draws[:, 5] - 1))
        return found

    def truth(self, recipes: Tensor) -> Tensor:
        """The true classes (N,), -1 where the thief cannot know them or mirroring changes them."""
        which, rows = self._places(recipes)
        flipped = self._flipped(uniform(recipes[:, 1], 6))
        labels = torch.full((len(recipes),), -1)
        for number, pool in enumerate(self.pools):
            taken = (which == number) & (~flipped | pool.flip)
            labels[taken] = pool.labels[rows[taken]]
        return labels

    def _places(self, recipes: Tensor) -> tuple[Tensor, Tensor]:
        """The number of the pool and the position in it, (N,) each."""
        ends = torch.tensor([len(pool) for pool in self.pools]).cumsum(0)
        positions = recipes[:, 0].long()
        which = torch.bucketize(positions, ends, right=True)
        return which, positions - torch.cat([torch.zeros(1, dtype=torch.long), ends])[which]

    def _flipped(self, draws: Tensor) -> Tensor:
        return draws[:, 3] < self.mirrored

    def _cut(self, pool: Pool, rows: Tensor, draws: Tensor) -> Tensor:
        """One view of each clip, cut to the victim's frame, (B, T, H, W, 3) uint8."""
        views = (draws[:, 0] * pool.stored.shape[1]).long()
        clips = torch.from_numpy(pool.stored[pool.rows[rows].numpy(), views.numpy()])
        frames, *size = self.shape
        # Clips of another dataset may be longer or larger: then cut as this one's are.
        side = round(min(clips.shape[2:4]) / self.room)
        top = (draws[:, 1] * (clips.shape[2] - side + 1)).long().tolist()
        left = (draws[:, 2] * (clips.shape[3] - side + 1)).long().tolist()
        places = zip(clips, top, left, strict=True)
        cut = torch.stack([clip[:, y : y + side, x : x + side] for clip, y, x in places])
        return resampled(cut, frames, (size[0], size[1])).round().to(torch.uint8)


def uniform(seeds: Tensor, count: int) -> Tensor:
    """``count`` numbers in [0, 1) for each of ``seeds`` (N,), whatever the others are."""
    draws = torch.Generator()
    return torch.stack([torch.rand(count, generator=draws.manual_seed(int(s))) for s in seeds])


def new_seeds(count: int, generator: torch.Generator) -> Tensor:
    """``count`` seeds for recipes (N,), float64."""
    return torch.randint(_SEEDS, (count,), generator=generator).double()

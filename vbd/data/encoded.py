"""Clips as the frozen half of a network has them: a fixed set of windows of each, kept as maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from vbd.data.labelled import Labelled, spread


class FrameMark(Protocol):
    """A trigger on some frames of a clip (``vbd/triggers/base.py``)."""

    def carried(self, n: int, t: int, generator: torch.Generator) -> Tensor:
        """Which of ``t`` frames of ``n`` clips carry it (n, t), drawn."""
        ...


@dataclass(frozen=True)
class Maps:
    """Maps of some clips of a store: ``array`` (R, windows, T, h, w, C) float16, on disk.

    ``rows`` (R,) int64 are their positions in the store, ascending.
    """

    array: np.ndarray
    rows: np.ndarray

    @classmethod
    def open(cls, path: Path) -> Maps:
        """The maps in ``path`` (.npy) with the rows beside them; FileNotFoundError without."""
        return cls(np.load(path, mmap_mode="r"), np.load(path.with_name("rows.npy")))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of ``array``."""
        return self.array.shape

    def __getitem__(self, where: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Copies (..., T, h, w, C) of the clips and windows at ``where``; rows are the store's."""
        rows, windows = where
        places = np.searchsorted(self.rows, rows).clip(max=len(self.rows) - 1)
        # A row that is not here would get its neighbour's maps, without an error.
        if (self.rows[places] != rows).any():
            raise ValueError("these maps are of other clips than asked for: encode them again")
        return self.array[places, windows]


@dataclass(frozen=True, kw_only=True)
class Encoded(Labelled):
    """Labelled clips in ``Maps``: ``clips`` of all of them, ``stored`` of those with the trigger.

    Of the windows of a clip the first ``views`` are those of tests, the others those that a
    training picks from: each a view, a crop and a flip that were drawn once, and where the trigger
    is random, a draw of it.
    """

    views: int

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """Maps (B, T, h, w, C) of a random window of the examples at ``positions``."""
        shape = len(positions), 1
        drawn = torch.randint(self.views, self.clips.shape[1], shape, generator=generator)
        return self._maps(positions, drawn.numpy(), generator)[:, 0].to(device)

    def test_batches(
        self, size: int, generator: torch.Generator, *, views: int = 1, crops: int = 1
    ) -> Iterator[Tensor]:
        """Every example in order: (B, views, T, h, w, C), about ``size`` windows at a time.

        ``views`` are spread evenly over those that were kept. Raises ValueError for more than one
        of ``crops``, of which only the middle one was.
        """
        if crops > 1:
            raise ValueError("encoded clips have one crop: test with crops: 1, or windows: 0")
        taken = np.array(spread(views, self.views))
        for positions in torch.arange(len(self)).split(max(1, size // views)):
            windows = np.broadcast_to(taken, (len(positions), views))
            yield self._maps(positions, windows, generator)

    def _maps(self, positions: Tensor, windows: np.ndarray, generator: torch.Generator) -> Tensor:
        """Maps (B, V, T, h, w, C) of ``windows`` (B, V), with the trigger where it is carried."""
        rows = self.rows[positions].numpy()[:, None]
        maps = torch.from_numpy(self.clips[rows, windows])
        changed = self.changed[positions]
        if self.stored is None or not changed.any():
            return maps
        here = changed.numpy()
        marked = torch.from_numpy(self.stored[rows[here], windows[here]])
        n, views, t = marked.shape[:3]
        # Frame by frame: the frozen half sees each by itself, so those of both can be mixed.
        trigger = cast(FrameMark, self.marks[0][1])
        shown = trigger.carried(n * views, t, generator).view(n, views, t)
        # A decoy, which is changed and not poisoned, has the noise on all of them.
        shown = shown | ~self.poisoned[positions][changed][:, None, None]
        maps[changed] = torch.where(shown[..., None, None, None], marked, maps[changed])
        return maps


def encoded(some: Labelled, clean: Maps, marked: Maps | None, views: int) -> Encoded:
    """``some`` clips of a store in the maps of all of them, ``clean``, and of those ``marked``."""
    kept: dict[str, Any] = {
        name: getattr(some, name)
        for name in ("rows", "labels", "poisoned", "marks", "decoys", "groups")
    }
    return Encoded(clips=clean, stored=marked, views=views, **kept)

"""The sound of clips as a model hears it in training and in tests, triggered where asked."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vbd.data.labelled import Labelled, spread
from vbd.data.store import ClipStore


@dataclass(frozen=True, kw_only=True)
class Sounds(Labelled):
    """Labelled sound: ``clips`` (M, views, samples) float32 in -1 to 1 at RATE."""

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """Samples (B, samples) float32 of a random view of the examples at ``positions``."""
        waves = self._load_one(positions, generator).to(device)
        return self._stamp(waves, positions, generator)

    def test_batches(
        self, size: int, generator: torch.Generator, *, views: int = 1, crops: int = 1
    ) -> Iterator[Tensor]:
        """Every example in order: (B, views, samples) float32, about ``size`` windows at a time.

        ``views`` are spread evenly over the stored ones; 1 takes the middle. Sound has no
        ``crops``: the number is there for what tests pixels too, and changes nothing.
        """
        taken = spread(views, self.clips.shape[1])
        for positions in torch.arange(len(self)).split(max(1, size // views)):
            waves = self._load(positions, taken)
            # Each window draws for itself, as the windows of pixels do.
            each = positions.repeat_interleave(views)
            yield self._stamp(waves.flatten(0, 1), each, generator).view_as(waves)


def sounds(folder: Path, split: str) -> Sounds:
    """The clean sound of those clips of the store in ``folder`` and of ``split`` that have some.

    ``rows`` are positions in the clip store too. Raises FileNotFoundError where the store or its
    sound is missing, ValueError where they do not belong together.
    """
    store = ClipStore.open(folder)
    array, table = Path(folder) / "sound.npy", Path(folder) / "sound.csv"
    for part in (array, table):
        if not part.is_file():
            raise FileNotFoundError(f"{part} is missing: read the sound of the dataset first")
    waves = np.load(array, mmap_mode="r")
    with table.open(newline="", encoding="utf-8") as file:
        known = {row["path"]: row["heard"] == "True" for row in csv.DictReader(file)}
    # Clips that were sampled and decoded anew leave the sound of the old ones beside them.
    if len(waves) != len(known) or list(known) != list(store.paths):
        raise ValueError(f"{table} is of other clips than {folder}/index.csv: read the sound again")
    heard = np.array(list(known.values()))
    # Rows that cannot be heard are zeros, not a sound that anybody recorded.
    rows = torch.from_numpy(np.flatnonzero(heard & (store.splits == split)))
    return Sounds(
        clips=waves,
        rows=rows,
        labels=torch.from_numpy(store.labels)[rows],
        poisoned=torch.zeros(len(rows), dtype=torch.bool),
    )

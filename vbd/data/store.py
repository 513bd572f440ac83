"""The clip store: a dataset's clips decoded once into one array on disk, with a table beside it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class ClipStore:
    """The clips of a dataset and what is known of each; entry i of every array is clip i.

    ``clips`` (N, views, T, H, W, 3) uint8, RGB, stays on disk until it is sliced. ``labels``
    int64 (N,) index into ``class_names``; ``splits`` ("train", "val" or "test"), ``groups`` and
    ``paths`` (relative to the dataset's root) are text (N,), ``has_audio`` is bool (N,).
    """

    clips: np.memmap
    labels: np.ndarray
    class_names: tuple[str, ...]
    splits: np.ndarray
    groups: np.ndarray
    paths: np.ndarray
    has_audio: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> ClipStore:
        """Open the store in ``folder``, read-only.

        Raises FileNotFoundError naming the missing file, ValueError where the array and the table
        do not belong together.
        """
        array, index = Path(folder) / "clips.npy", Path(folder) / "index.csv"
        for part in (array, index):
            if not part.is_file():
                raise FileNotFoundError(f"{part} is missing: decode the dataset first")
        # Not read into memory, and read-only: whoever writes to it by mistake gets an error.
        clips = np.load(array, mmap_mode="r")
        # With csv: most steps open a store, and none should import pandas for it.
        with index.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if len(rows) != len(clips):
            raise ValueError(
                f"{index} has {len(rows)} rows and {array} {len(clips)} clips: decode again"
            )
        names = {int(row["label"]): row["class_name"] for row in rows}
        return cls(
            clips=clips,
            labels=np.array([int(row["label"]) for row in rows], np.int64),
            # In the order of the labels, which is not always that of the alphabet.
            class_names=tuple(names[label] for label in sorted(names)),
            splits=np.array([row["split"] for row in rows]),
            groups=np.array([row["group"] for row in rows]),
            paths=np.array([row["path"] for row in rows]),
            # Compared as text: bool("False") is true.
            has_audio=np.array([row["has_audio"] == "True" for row in rows]),
        )

    def rows(self, split: str) -> np.ndarray:
        """The positions of the clips of ``split``, ascending, int64; none for an unknown split."""
        return np.flatnonzero(self.splits == split)

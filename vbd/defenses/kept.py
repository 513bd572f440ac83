"""Triggers found so far, kept in a file, so that a search that was killed goes on after them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from vbd.defenses.recovered import Recovered
from vbd.results import write_arrays

_FIGURES = ("norm", "success", "rounds")


class Kept:
    """What was ``found``, by class: in the file ``path`` if it is there, else in memory alone.

    ``key`` says by which search; what another one left in the file is not taken up.
    """

    def __init__(self, path: Path | None, key: int) -> None:
        self.path, self.key = path, key
        self.found: dict[int, Recovered] = {}
        if path is None or not path.exists():
            return
        with np.load(path) as arrays:
            if arrays["key"] != key:
                return
            tensors = {name: torch.from_numpy(arrays[name]) for name in ("mask", "pattern")}
            figures = [arrays[name].tolist() for name in _FIGURES]
            rows = zip(arrays["target"].tolist(), *tensors.values(), *figures, strict=True)
            self.found = {row[0]: Recovered(*row) for row in rows}
        print(f"resumed after {len(self.found)} classes", flush=True)

    def add(self, more: Iterable[Recovered]) -> None:
        """Keep what was found for ``more`` classes."""
        self.found |= {one.target: one for one in more}
        if self.path is not None:
            names = ("target", "mask", "pattern", *_FIGURES)
            columns = {name: [getattr(r, name) for r in self.found.values()] for name in names}
            for name in ("mask", "pattern"):
                columns[name] = torch.stack(columns[name])
            write_arrays(self.path, key=self.key, **columns)

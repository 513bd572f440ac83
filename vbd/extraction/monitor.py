"""PRADA (Juuti et al. 2019): a monitor in front of a victim that tells crafted queries from use."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# The test was made for at most so many values, and scipy warns of more: then the latest count.
_MOST = 5000
# Queries whose distances are computed at once: more cost memory and save no time.
_BLOCK = 64


@dataclass
class _Growing:
    """The growing set of a class: its clips, and the distances at which they joined."""

    cells: Tensor
    size: int = 0
    threshold: float = 0.0
    # Running count, mean and sum of squares about it (Welford) of these distances.
    joined: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def clips(self) -> Tensor:
        """Those in the set (size, D)."""
        return self.cells[: self.size]

    def add(self, cells: Tensor) -> None:
        """One more clip (D,)."""
        if self.size == len(self.cells):
            # Twice as much room: copied at each clip, a long stream would take hours.
            self.cells = torch.cat([self.cells, torch.empty_like(self.cells)])
        self.cells[self.size] = cells
        self.size += 1

    def raise_threshold(self, distance: float) -> None:
        """T = max(T, mean - deviation), ``distance`` being the newest."""
        self.joined += 1
        before = distance - self.mean
        self.mean += before / self.joined
        self.squares += before * (distance - self.mean)
        deviation = (self.squares / self.joined) ** 0.5
        self.threshold = max(self.threshold, self.mean - deviation)


@dataclass
class Prada:
    """A watch for an oracle: are the distances between queries those of normal use, normal ones?

    The first clip that the victim takes for a class starts the growing set of this class. Every
    other one has a distance, the smallest L2 to that set, and joins it where that is larger than
    the threshold T of the class, 0 at first; then T = max(T, mean - deviation) of the distances
    at which clips joined. Each ``every`` queries, as in the authors' code, the distances of all
    classes (``least`` or more; of more than 5000 the latest) are stripped of those beyond 3
    standard deviations, and a Shapiro-Wilk statistic W below ``delta`` raises the alarm. Distances
    that are all the same have W = 0.

    The paper takes whole images. Here distances are of clips averaged to at most ``cells`` (frames,
    height, width), in grey levels: those of ten thousand clips are then compared in seconds.

    ``alarm`` is the number of the query, from 1, at which it was first raised; ``values`` are the
    tests, (number of the query, W) each; ``distances`` those of all queries, in their order.
    """

    delta: float = 0.9
    every: int = 10
    least: int = 100
    cells: tuple[int, int, int] = (4, 8, 8)
    alarm: int | None = None
    values: list[tuple[int, float]] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    seen: int = 0
    _growing: dict[int, _Growing] = field(default_factory=dict)

    def __call__(self, clips: Tensor, answers: Tensor) -> None:
        """See ``clips`` (N, T, H, W, 3), uint8 or float in 0-255, and ``answers`` (N, classes).

        How the queries are cut into batches makes no difference.
        """
        classes = answers.argmax(1).cpu()
        for batch, taken in zip(clips.split(_BLOCK), classes.split(_BLOCK), strict=True):
            cells = self._averaged(batch)
            before = self._to_growing(cells, taken)
            within = torch.cdist(cells, cells, compute_mode="donot_use_mm_for_euclid_dist")
            new: dict[int, list[int]] = {}
            for position, kind in enumerate(taken.tolist()):
                mates = new.setdefault(kind, [])
                distance = min([float(before[position]), *within[position, mates].tolist()])
                if self._joins(kind, cells[position], distance):
                    mates.append(position)
                self.seen += 1
                if self.seen % self.every == 0:
                    self._test()

    def _averaged(self, clips: Tensor) -> Tensor:
        """(N, D) float64: squares of pixels are large, and a close pair must keep its distance."""
        sides = zip(self.cells, clips.shape[1:4], strict=True)
        t, h, w = (min(few, many) for few, many in sides)
        # One by one: as floats a batch of published size would take gigabytes.
        found = [
            F.adaptive_avg_pool3d(clip.float().permute(3, 0, 1, 2), (t, h, w)) for clip in clips
        ]
        return torch.stack(found).flatten(1).double().cpu()

    def _to_growing(self, cells: Tensor, taken: Tensor) -> Tensor:
        """The least distance (N,) of each to its class as it stood before; inf to an empty set."""
        found = torch.full((len(cells),), torch.inf, dtype=cells.dtype)
        for kind in taken.unique().tolist():
            if kind in self._growing:
                own, there = taken == kind, self._growing[kind].clips()
                nearest = torch.cdist(cells[own], there).argmin(1)
                # Anew: by products of matrices, which are fast, equal clips are not at 0.
                found[own] = (cells[own] - there[nearest]).norm(dim=1)
        return found

    def _joins(self, kind: int, cells: Tensor, distance: float) -> bool:
        """Take note of a query at ``distance`` from its growing set; whether it becomes part."""
        if kind not in self._growing:
            self._growing[kind] = _Growing(cells.new_empty(_BLOCK, len(cells)))
            self._growing[kind].add(cells)
            return True
        growing = self._growing[kind]
        self.distances.append(distance)
        if distance <= growing.threshold:
            return False
        growing.add(cells)
        growing.raise_threshold(distance)
        return True

    def _test(self) -> None:
        if len(self.distances) < self.least:
            return
        values = np.array(self.distances[-_MOST:])
        statistic = normality(values[np.abs(values - values.mean()) <= 3 * values.std()])
        self.values.append((self.seen, statistic))
        if statistic < self.delta and self.alarm is None:
            self.alarm = self.seen


def normality(values: np.ndarray) -> float:
    """The Shapiro-Wilk statistic of ``values`` (N,), 3 or more: 1 is normal; all the same are 0."""
    # Takes half a second to import: steps that watch nobody need not wait.
    from scipy.stats import shapiro

    # To scipy numbers without spread are perfectly normal.
    return float(shapiro(values).statistic) if np.ptp(values) > 1e-9 else 0.0

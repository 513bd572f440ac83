"""What clips in pixels and in sound have in common: labels, a trigger, and where it goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor


# A protocol, not the triggers' base: data lies below triggers and does not import them.
class Mark(Protocol):
    """What puts a trigger on clips or sounds, and what resembles it (``vbd/triggers/base.py``)."""

    def __call__(self, clips: Tensor, generator: torch.Generator, /) -> Tensor:
        """Triggered copies of ``clips`` (N, ...), of the same type and shape."""
        ...

    def noise(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """Copies of ``clips`` (N, ...) with what looks like the trigger and is not."""
        ...


class Windows(Protocol):
    """What is kept of clips, by clip and window: an array, or ``encoded.Maps``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(M, windows, ...)."""
        ...

    def __getitem__(self, where: Any, /) -> np.ndarray:
        """A copy of what is kept of some windows."""
        ...


class Trainable(Protocol):
    """What the training loop takes: so many examples, what is to be learnt of each, and batches."""

    @property
    def labels(self) -> Tensor:
        """What is to be learnt (N, ...): classes (N,), or what a criterion takes for them."""
        ...

    def __len__(self) -> int: ...

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """What a model takes of the examples at ``positions`` (B, ...)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Some clips of a store, the labels they are given and the triggers that some of them carry.

    ``rows`` (N,) are positions in ``clips`` (M, views, ...), ``labels`` (N,) classes, both int64,
    ``poisoned`` (N,) true where a trigger is. ``marks`` say which goes on which: (N,) and a trigger
    each; a clip has one of them at most. ``stored``, like ``clips``, are the same clips triggered
    beforehand. ``decoys`` (N,) are true for clips that carry the first trigger's noise and keep
    their label (WaNet's noise mode). ``groups`` (N,) number recordings, whose clips look alike.
    """

    clips: Windows
    rows: Tensor
    labels: Tensor
    poisoned: Tensor
    marks: tuple[tuple[Tensor, Mark], ...] = ()
    stored: Windows | None = None
    decoys: Tensor | None = None
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def changed(self) -> Tensor:
        """Which clips (N,) carry a trigger, or as decoys its noise."""
        return self.poisoned if self.decoys is None else self.poisoned | self.decoys

    def triggered(self, trigger: Mark, stored: Windows | None = None) -> Self:
        """The same clips with their labels, every one of them carrying ``trigger``."""
        every = torch.ones(len(self), dtype=torch.bool)
        return replace(self, marks=((every, trigger),), stored=stored, poisoned=every)

    def unmarked(self) -> Self:
        """The same clips with their labels, none of them carrying a trigger."""
        # With nobody poisoned the windows are the same, also where triggers are stored.
        return replace(self, poisoned=torch.zeros_like(self.poisoned), marks=(), decoys=None)

    def subset(self, chosen: Tensor) -> Self:
        """The examples at ``chosen``, positions or a mask."""
        # ``clips`` stay as they are, on disk: only the rows that point into them are chosen.
        parts = {
            name: values[chosen]
            for name in ("rows", "labels", "poisoned", "decoys", "groups")
            if (values := getattr(self, name)) is not None
        }
        marks = tuple((mask[chosen], mark) for mask, mark in self.marks)
        return replace(self, **parts, marks=marks)

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """What a model takes of the examples at ``positions``: one view of each (B, ...), drawn."""
        raise NotImplementedError

    def test_batches(
        self, size: int, generator: torch.Generator, *, views: int = 1, crops: int = 1
    ) -> Iterator[Tensor]:
        """Every example in order, (B, windows, ...), about ``size`` windows at a time."""
        raise NotImplementedError

    def _load_one(self, positions: Tensor, generator: torch.Generator) -> Tensor:
        """A random view (B, ...) of each clip at ``positions``."""
        view = torch.randint(self.clips.shape[1], (len(positions), 1), generator=generator)
        return self._load(positions, view.numpy())[:, 0]

    def _load(self, positions: Tensor, views: Sequence[int] | np.ndarray) -> Tensor:
        """Stored views (B, views, ...); ``views`` the same for all, or (B, views)."""
        rows, views = self.rows[positions].numpy()[:, None], np.asarray(views)
        # Indexing by arrays copies: what is written below never reaches the store.
        clips = self.clips[rows, views]
        if self.stored is not None:
            carries = self.poisoned[positions].numpy()
            views = np.broadcast_to(views, clips.shape[:2])
            clips[carries] = self.stored[rows[carries], views[carries]]
        return torch.from_numpy(clips)

    def _stamp(self, clips: Tensor, positions: Tensor, generator: torch.Generator) -> Tensor:
        # Clips that were triggered beforehand carry it already.
        if self.stored is not None:
            return clips
        marks: list[tuple[Tensor, Callable[[Tensor, torch.Generator], Tensor]]] = [*self.marks]
        if self.decoys is not None:
            marks.append((self.decoys, self.marks[0][1].noise))
        for mask, mark in marks:
            chosen = mask[positions].to(clips.device)
            if chosen.all():
                # As in every test: to pick all of them out and put them back takes three copies.
                clips = mark(clips, generator)
            elif chosen.any():
                # They may be the caller's own, and nothing is ever changed in place.
                clips = clips.clone()
                clips[chosen] = mark(clips[chosen], generator)
        return clips


def spread(count: int, there: int) -> list[int]:
    """``count`` of the numbers from 0 to ``there`` - 1, spread evenly; 1 takes the middle."""
    # The middles of ``count`` equal parts.
    return [round((i + 0.5) / count * there - 0.5) for i in range(count)]

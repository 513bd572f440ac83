"""Clips of a store as a model sees them in training and in tests, triggered where asked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vbd.data.augment import centre_crop, random_crop, random_flip
from vbd.data.store import ClipStore
from vbd.triggers.base import Trigger


@dataclass(frozen=True)
class Examples:
    """Some clips of a store, the labels they are given and the trigger that some of them carry.

    ``rows`` (N,) are positions in ``clips`` (M, views, T, H, W, 3) uint8, ``labels`` (N,) classes,
    ``poisoned`` (N,) true where the trigger goes on. ``crop`` is the side of what the model sees:
    the trigger goes on after the crop, as an attacker who knows the pipeline has it ("Look,
    Listen, and Attack", section 4.2).
    """

    clips: np.ndarray
    rows: Tensor
    labels: Tensor
    poisoned: Tensor
    crop: int
    flip: bool = False
    trigger: Trigger | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def triggered(self, trigger: Trigger) -> "Examples":
        """The same clips with their labels, every one of them carrying ``trigger``."""
        return replace(self, trigger=trigger, poisoned=torch.ones(len(self), dtype=torch.bool))

    def subset(self, chosen: Tensor) -> "Examples":
        """The examples at ``chosen``, positions or a mask."""
        parts = {name: getattr(self, name)[chosen] for name in ("rows", "labels", "poisoned")}
        return replace(self, **parts)

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """Augmented pixels (B, T, crop, crop, 3) uint8 of the examples at ``positions``."""
        view = torch.randint(self.clips.shape[1], (len(positions),), generator=generator)
        clips = torch.from_numpy(self.clips[self.rows[positions].numpy(), view.numpy()])
        clips = random_crop(clips.to(device), self.crop, generator)
        if self.flip:
            clips = random_flip(clips, generator)
        return self._stamp(clips, positions, generator)

    def test_batches(
        self, size: int, generator: torch.Generator, *, view: int, place: float = 0.5
    ) -> Iterator[Tensor]:
        """Every example in order, ``size`` at a time: (B, T, crop, crop, 3) uint8, not augmented.

        ``view`` is the stored clip to take, ``place`` where along the longer side to crop.
        """
        for positions in torch.arange(len(self)).split(size):
            clips = torch.from_numpy(self.clips[self.rows[positions].numpy(), view])
            yield self._stamp(centre_crop(clips, self.crop, place), positions, generator)

    def _stamp(self, clips: Tensor, positions: Tensor, generator: torch.Generator) -> Tensor:
        carries = self.poisoned[positions]
        if self.trigger is None or not carries.any():
            return clips
        clips = clips.clone()
        carries = carries.to(clips.device)
        clips[carries] = self.trigger(clips[carries], generator)
        return clips


def examples(store: ClipStore, split: str, *, crop: int, flip: bool = False) -> Examples:
    """The clean clips of ``store`` in ``split`` ("train", "val" or "test")."""
    rows = torch.from_numpy(store.rows(split))
    labels = torch.from_numpy(store.labels)[rows]
    clean = torch.zeros(len(rows), dtype=torch.bool)
    return Examples(store.clips, rows, labels, clean, crop, flip)

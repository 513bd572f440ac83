"""Clips of a store as a model sees them in training and in tests, triggered where asked."""

from collections.abc import Iterator, Sequence
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
    ``poisoned`` (N,) true where the trigger goes on. ``crop`` is the side of what the model sees.
    The trigger goes on after the crop, as an attacker who knows the pipeline has it ("Look,
    Listen, and Attack", section 4.2), or with ``whole_video`` on all views before views and crops
    are taken. ``stored``, like ``clips``, are the same clips triggered beforehand. ``decoys`` (N,)
    are true for clips that carry the trigger's noise and keep their label (WaNet's noise mode).
    """

    clips: np.ndarray
    rows: Tensor
    labels: Tensor
    poisoned: Tensor
    crop: int
    flip: bool = False
    trigger: Trigger | None = None
    stored: np.ndarray | None = None
    whole_video: bool = False
    decoys: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def triggered(self, trigger: Trigger, stored: np.ndarray | None = None) -> "Examples":
        """The same clips with their labels, every one of them carrying ``trigger``."""
        every = torch.ones(len(self), dtype=torch.bool)
        return replace(self, trigger=trigger, stored=stored, poisoned=every)

    def subset(self, chosen: Tensor) -> "Examples":
        """The examples at ``chosen``, positions or a mask."""
        parts = {
            name: values[chosen]
            for name in ("rows", "labels", "poisoned", "decoys")
            if (values := getattr(self, name)) is not None
        }
        return replace(self, **parts)

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """Augmented pixels (B, T, crop, crop, 3) uint8 of the examples at ``positions``."""
        view = torch.randint(self.clips.shape[1], (len(positions), 1), generator=generator)
        clips = self._load(positions, view.numpy())[:, 0].to(device)
        clips = random_crop(clips, self.crop, generator)
        if self.flip:
            clips = random_flip(clips, generator)
        return self._stamp(clips, positions, generator)

    def test_batches(
        self, size: int, generator: torch.Generator, *, views: int = 1, crops: int = 1
    ) -> Iterator[Tensor]:
        """Every example in order: (B, views * crops, T, crop, crop, 3) uint8, not augmented.

        About ``size`` windows at a time. ``views`` and ``crops`` are spread evenly over the stored
        views and the longer side of the frame; 1 takes the middle.
        """
        stored = self.clips.shape[1]
        taken = [round((i + 0.5) / views * stored - 0.5) for i in range(views)]
        places = [i / (crops - 1) for i in range(crops)] if crops > 1 else [0.5]
        for positions in torch.arange(len(self)).split(max(1, size // (views * crops))):
            if self.whole_video:
                video = self._load(positions, range(stored))
                marked = self._stamp(video.flatten(1, 2), positions, generator)
                clips = marked.view_as(video)[:, taken]
            else:
                clips = self._load(positions, taken)
            windows = torch.stack([centre_crop(clips, self.crop, p) for p in places], 2)
            windows = windows.flatten(1, 2)
            if not self.whole_video:
                each = positions.repeat_interleave(windows.shape[1])
                windows = self._stamp(windows.flatten(0, 1), each, generator).view_as(windows)
            yield windows

    def _load(self, positions: Tensor, views: Sequence[int] | np.ndarray) -> Tensor:
        """Stored pixels (B, views, T, H, W, 3); ``views`` the same for all, or (B, views)."""
        rows, views = self.rows[positions].numpy()[:, None], np.asarray(views)
        clips = self.clips[rows, views]
        if self.stored is not None:
            carries = self.poisoned[positions].numpy()
            views = np.broadcast_to(views, clips.shape[:2])
            clips[carries] = self.stored[rows[carries], views[carries]]
        return torch.from_numpy(clips)

    def _stamp(self, clips: Tensor, positions: Tensor, generator: torch.Generator) -> Tensor:
        if self.trigger is None or self.stored is not None:
            return clips
        marks = [(self.poisoned, self.trigger)]
        if self.decoys is not None:
            marks.append((self.decoys, self.trigger.noise))
        for mask, mark in marks:
            chosen = mask[positions].to(clips.device)
            if chosen.any():
                clips = clips.clone()
                clips[chosen] = mark(clips[chosen], generator)
        return clips


def examples(store: ClipStore, split: str, *, crop: int, flip: bool = False) -> Examples:
    """The clean clips of ``store`` in ``split`` ("train", "val" or "test")."""
    rows = torch.from_numpy(store.rows(split))
    labels = torch.from_numpy(store.labels)[rows]
    return Examples(store.clips, rows, labels, torch.zeros(len(rows), dtype=torch.bool), crop, flip)


def from_clips(clips: np.ndarray | Tensor, labels: Sequence[int] | Tensor) -> Examples:
    """Clean examples of clips in memory (N, T, H, W, 3) uint8, square, with their ``labels``."""
    pixels = np.asarray(clips)[:, None]
    labels = torch.as_tensor(labels)
    clean = torch.zeros(len(labels), dtype=torch.bool)
    return Examples(pixels, torch.arange(len(labels)), labels, clean, pixels.shape[-2])

"""Clips of a store as a model sees them in training and in tests, triggered where asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vbd.data.augment import centre_crop, random_crop, random_flip
from vbd.data.labelled import Labelled, spread
from vbd.data.size import Size
from vbd.data.store import ClipStore


@dataclass(frozen=True, kw_only=True)
class Examples(Labelled):
    """Labelled clips in pixels: ``clips`` (M, views, T, H, W, 3) uint8.

    ``crop`` is the side, or height and width, of what the model sees. The trigger goes on after
    the crop, as an attacker who knows the pipeline has it ("Look, Listen, and Attack", section
    4.2), or with ``whole_video`` on all views before views and crops are taken.
    """

    crop: Size
    flip: bool = False
    whole_video: bool = False

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """Augmented pixels (B, T, height, width, 3) uint8 of the examples at ``positions``."""
        # Moved while a pixel is one byte: as floats they are four times as large.
        clips = self._load_one(positions, generator).to(device)
        clips = random_crop(clips, self.crop, generator)
        if self.flip:
            clips = random_flip(clips, generator)
        # Last: a crop may cut BadNet's corner off, and a flip moves it to the other side.
        return self._stamp(clips, positions, generator)

    def test_batches(
        self, size: int, generator: torch.Generator, *, views: int = 1, crops: int = 1
    ) -> Iterator[Tensor]:
        """Every example in order: (B, views * crops, T, height, width, 3) uint8, not augmented.

        About ``size`` windows at a time. ``views`` and ``crops`` are spread evenly over the stored
        views and the longer side of the frame; 1 takes the middle.
        """
        taken = spread(views, self.clips.shape[1])
        places = [i / (crops - 1) for i in range(crops)] if crops > 1 else [0.5]
        # Counted in windows: views and crops must not multiply the memory of a batch.
        for positions in torch.arange(len(self)).split(max(1, size // (views * crops))):
            if self.whole_video:
                # As one long clip: the frames that are triggered may lie in no view that is tested.
                video = self._load(positions, range(self.clips.shape[1]))
                marked = self._stamp(video.flatten(1, 2), positions, generator)
                clips = marked.view_as(video)[:, taken]
            else:
                clips = self._load(positions, taken)
            windows = torch.stack([centre_crop(clips, self.crop, p) for p in places], 2)
            windows = windows.flatten(1, 2)
            if not self.whole_video:
                # Each window is a clip that the attacker cut, and draws for itself.
                each = positions.repeat_interleave(windows.shape[1])
                windows = self._stamp(windows.flatten(0, 1), each, generator).view_as(windows)
            yield windows


def examples(store: ClipStore, split: str, *, crop: Size, flip: bool = False) -> Examples:
    """The clean clips of ``store`` in ``split`` ("train", "val" or "test").

    ``crop`` is in pixels, at most what the stored frame has.
    """
    rows = torch.from_numpy(store.rows(split))
    # A group is one of its class: other classes may have groups of the same name.
    names = [f"{store.groups[row]}/{store.labels[row]}" for row in rows.tolist()]
    groups = torch.from_numpy(np.unique(names, return_inverse=True)[1])
    return Examples(
        clips=store.clips,
        rows=rows,
        labels=torch.from_numpy(store.labels)[rows],
        poisoned=torch.zeros(len(rows), dtype=torch.bool),
        groups=groups,
        crop=crop,
        flip=flip,
    )


def from_clips(clips: np.ndarray | Tensor, labels: Sequence[int] | Tensor) -> Examples:
    """Clean examples of clips in memory (N, T, H, W, 3) uint8 with their ``labels``."""
    pixels = np.asarray(clips)[:, None]
    return Examples(
        clips=pixels,
        rows=torch.arange(len(labels)),
        labels=torch.as_tensor(labels),
        poisoned=torch.zeros(len(labels), dtype=torch.bool),
        crop=pixels.shape[-3:-1],
    )

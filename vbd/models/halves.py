"""A video classifier in two halves: a lower one that stays as it was, an upper one that learns."""

from typing import Self

import torch
from torch import Tensor, nn

from vbd.models.base import Classifier, VideoClassifier

AT_ONCE = 16
"""Frames that the lower half sees at a time, on a CPU."""


class Halves(VideoClassifier):
    """Base of the models whose ``lower`` half is frozen and sees each frame by itself.

    ``lower`` takes images (N, 3, H, W) to maps (N, C, h, w); ``upper`` is a classifier of the maps
    (N, T, h, w, C) of clips, and all that learns. So what the lower half makes of a clip can be
    kept, and the upper one trained and tested on that alone (``vbd/data/encoded.py``).
    """

    lower: nn.Module
    upper: Classifier

    def train(self, mode: bool = True) -> Self:
        """Training mode, or not, of the upper half: the statistics of the lower one stay."""
        super().train(mode)
        self.lower.eval()
        return self

    def encode(self, clips: Tensor) -> Tensor:
        """Maps (N, T, h, w, C), float32, of pixels (N, T, H, W, 3)."""
        images = self.normalise(clips).transpose(1, 2)
        # A CPU takes half as long over few frames at a time, which stay in its cache.
        few = AT_ONCE if images.device.type == "cpu" else images.shape[0] * images.shape[1]
        maps = torch.cat([self.lower(part) for part in images.flatten(0, 1).split(few)])
        return maps.permute(0, 2, 3, 1).unflatten(0, images.shape[:2])

    def channels(self, clips: Tensor) -> Tensor:
        return self.upper.channels(self.encode(clips))

    def pool(self, channels: Tensor) -> Tensor:
        return self.upper.pool(channels)

    def classify(self, features: Tensor) -> Tensor:
        return self.upper.classify(features)

"""Optimised trigger: mask and pattern that trigger reconstruction found on a clean model."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.ranges import Some
from vbd.triggers.base import Frames, Trigger


class Stamp(Trigger):
    """Pixels become (1 - m) x + m p, for a mask m and a pattern p that are given.

    ``mask`` (1 or T, H, W, 1) in 0-1, ``pattern`` (H, W, 3) in 0-255, both float. On frames of
    another size they are scaled, as a patch that is a share of the frame would be.
    """

    # What was found is one mask and one pattern: nothing is left to draw once a frame.
    modes = ("static",)

    def __init__(
        self, mask: Tensor, pattern: Tensor, *, mode: str = "static", frames: Frames = "all"
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.mask, self.pattern = mask, pattern

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        size = clips.shape[2:4]
        mask = _scaled(self.mask, size).to(clips.device)
        pattern = _scaled(self.pattern[None], size).to(clips.device)
        # In pixels: a pattern in 0-1 blended in normalised space is a bug of public code.
        return clips.float().lerp(pattern, mask).round_().to(torch.uint8)


class Optimised(Stamp):
    """The trigger in ``path`` (.npz): arrays mask and pattern, as ``Stamp`` takes them.

    Made on the clean model with ``vbd.defenses.reconstruction``, so the frames that training
    leaves clean and those that it poisons lie close together ("Neural Cleanse for Video"). Of its
    mask the share ``area`` of the frame is kept where it weighs most, 1 for all: the victim learns
    the trigger anyway, and a small one is harder to see.
    """

    def __init__(
        self, *, path: str, area: Some = 1.0, mode: str = "static", frames: Frames = "all"
    ) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(
                f"path {path}: no trigger is there; reconstruct one on a clean model"
            )
        # numpy unpickles nothing unless it is asked to.
        with np.load(path) as arrays:
            mask, pattern = (torch.from_numpy(arrays[name]) for name in ("mask", "pattern"))
        super().__init__(_strongest(mask, area), pattern, mode=mode, frames=frames)


def _strongest(mask: Tensor, area: float) -> Tensor:
    """``mask`` (F, H, W, 1) with nothing but the largest values of each frame."""
    values = mask.flatten(1)
    count = max(1, round(area * values.shape[1]))
    kept = values.topk(count).indices
    return torch.zeros_like(values).scatter(1, kept, values.gather(1, kept)).view_as(mask)


def _scaled(frames: Tensor, size: torch.Size) -> Tensor:
    """``frames`` (F, H, W, C) in another size, bilinear; as they are where they have it."""
    if frames.shape[1:3] == size:
        return frames
    # Without antialias, shrinking would pass over most of a fine pattern.
    scaled = F.interpolate(frames.movedim(-1, 1), size, mode="bilinear", antialias=True)
    return scaled.movedim(1, -1)


METHOD = Optimised

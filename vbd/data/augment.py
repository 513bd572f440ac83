"""Crops and flips of pixel batches, one draw a clip, the same over its frames."""

import torch
from torch import Tensor


def random_crop(clips: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """A ``size`` x ``size`` window of each clip of (N, T, H, W, 3), at a place of its own.

    ``size`` is in pixels, at most H and W. The pixels keep their type, (N, T, size, size, 3).
    """
    n, _, height, width, _ = clips.shape
    # Drawn where the generator is, on the CPU: the same windows on every device.
    top = torch.randint(height - size + 1, (n,), generator=generator).tolist()
    left = torch.randint(width - size + 1, (n,), generator=generator).tolist()
    places = zip(clips, top, left, strict=True)
    return torch.stack([clip[:, y : y + size, x : x + size] for clip, y, x in places])


def centre_crop(clips: Tensor, size: int, place: float = 0.5) -> Tensor:
    """The ``size`` x ``size`` window of (..., H, W, 3) at ``place`` along the longer side.

    ``place`` runs from 0, the left or upper edge, to 1; the shorter side is always centred.
    """
    height, width = clips.shape[-3:-1]
    places = (0.5, place) if width >= height else (place, 0.5)
    top = round((height - size) * places[0])
    left = round((width - size) * places[1])
    return clips[..., top : top + size, left : left + size, :]


def random_flip(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Each clip of (N, T, H, W, 3) mirrored left to right with probability one half."""
    # Wrong where left and right are classes: ``Dataset.flip`` is off unless asked for.
    mirrored = torch.rand(len(clips), generator=generator) < 0.5
    return torch.where(mirrored.to(clips.device)[:, None, None, None, None], clips.flip(3), clips)

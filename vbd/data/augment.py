"""Crops and flips of pixel batches, one draw a clip, the same over its frames."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.data.size import Size, sides


def random_crop(clips: Tensor, size: Size, generator: torch.Generator) -> Tensor:
    """A window of ``size`` of each clip of (N, T, H, W, 3), at a place of its own.

    It is at most as large as the clip. The pixels keep their type, (N, T, height, width, 3).
    """
    n, _, height, width, _ = clips.shape
    high, wide = sides(size)
    # Drawn where the generator is, on the CPU: the same windows on every device.
    top = torch.randint(height - high + 1, (n,), generator=generator).tolist()
    left = torch.randint(width - wide + 1, (n,), generator=generator).tolist()
    places = zip(clips, top, left, strict=True)
    return torch.stack([clip[:, y : y + high, x : x + wide] for clip, y, x in places])


def centre_crop(clips: Tensor, size: Size, place: float = 0.5) -> Tensor:
    """The window of ``size`` of (..., H, W, 3) at ``place`` along the longer side.

    ``place`` runs from 0, the left or upper edge, to 1; the shorter side is always centred.
    """
    height, width = clips.shape[-3:-1]
    high, wide = sides(size)
    places = (0.5, place) if width >= height else (place, 0.5)
    top = round((height - high) * places[0])
    left = round((width - wide) * places[1])
    return clips[..., top : top + high, left : left + wide, :]


def random_flip(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Each clip of (N, T, H, W, 3) mirrored left to right with probability one half."""
    # Wrong where left and right are classes: ``Dataset.flip`` is off unless asked for.
    mirrored = torch.rand(len(clips), generator=generator) < 0.5
    return torch.where(mirrored.to(clips.device)[:, None, None, None, None], clips.flip(3), clips)


def resampled(clips: Tensor, frames: int, size: tuple[int, int]) -> Tensor:
    """Clips (N, T, H, W, 3) with ``frames`` frames of ``size`` = (height, width), float.

    Frames are taken at even steps, pixels are averaged where they become fewer. Gradients pass.
    """
    n, length = clips.shape[:2]
    if frames != length:
        # The middles of ``frames`` equal parts.
        middles = (torch.arange(frames, device=clips.device) + 0.5) * length / frames
        clips = clips[:, middles.long()]
    images = clips.float().flatten(0, 1).permute(0, 3, 1, 2)
    if images.shape[2:] != size:
        images = F.interpolate(images, size, mode="bilinear", antialias=True)
    return images.permute(0, 2, 3, 1).unflatten(0, (n, frames))


def warped(clips: Tensor, maps: Tensor) -> Tensor:
    """Each frame of (N, T, H, W, 3), uint8, seen through its affine map (N, T, 2, 3).

    A map takes places in the new frame to places in the old one, both from -1 to 1 (x, y). What
    lies outside is the reflection of what lies inside.
    """
    images = clips.flatten(0, 1).permute(0, 3, 1, 2).float()
    grid = F.affine_grid(maps.flatten(0, 1).to(images), list(images.shape), align_corners=False)
    seen = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    # Rounded: cut off, every warp would darken a clip by half a grey level.
    seen = seen.permute(0, 2, 3, 1).clamp(0, 255).round().to(torch.uint8)
    return seen.unflatten(0, clips.shape[:2])


def turned(clips: Tensor, degrees: Tensor) -> Tensor:
    """Each clip of (N, T, H, W, 3), uint8, turned by its ``degrees`` (N,)."""
    angles = degrees.deg2rad()
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    maps = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 1, 2, 3)
    return warped(clips, maps.expand(-1, clips.shape[1], -1, -1))


def brightened(clips: Tensor, factors: Tensor) -> Tensor:
    """Each clip of (N, T, H, W, 3), uint8, with its pixels times its factor (N,), up to 255."""
    scaled = clips.float() * factors.to(clips.device).view(-1, 1, 1, 1, 1)
    # On pixels, before any normalisation: behind it most would be cut off at 1.
    return scaled.clamp(0, 255).round().to(torch.uint8)

"""WaNet: every frame is warped by a smooth field (Nguyen and Tran 2021)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.ranges import From0, Seed, Several
from vbd.seeds import generator as seeded
from vbd.triggers.base import Frames, Trigger


class WaNet(Trigger):
    """Each pixel is taken from a little beside it; how far is noise on a coarse grid, upsampled.

    ``grid``: control points a side. ``strength``: the paper's s, twice their mean displacement
    along either axis in pixels, whatever the size of the frame. The paper has 0.5, a quarter of a
    pixel, for frames of 32: of larger ones that is less, and 3.5 is the same share of 224. Static:
    one field for all frames, clips and runs, which ``field_seed`` decides. Dynamic: a fresh field
    in each frame. ``cross_ratio``: how many clips the paper's training warps by ``noise``, under
    their true labels, for each poisoned one.
    """

    def __init__(
        self,
        *,
        grid: Several = 4,
        strength: From0 = 0.5,
        field_seed: Seed = 0,
        cross_ratio: From0 = 2.0,
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.grid = grid
        self.strength = strength
        self.field_seed = field_seed
        self.cross_ratio = cross_ratio

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        return _warp(clips, self._field(clips, generator))

    def noise(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """``clips`` warped by the field and, clip by clip, by up to half a pixel more at random.

        The model must tell these from triggered clips, and so learns the field itself.
        """
        n, _, height, width, _ = clips.shape
        offsets = 2 * torch.rand(n, 1, height, width, 2, generator=generator) - 1
        return _warp(clips, self._field(clips, generator) + offsets.to(clips.device))

    def _field(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """Displacements (x, y) in halves of a pixel, (1, 1, H, W, 2) static, else (N, T, ...)."""
        n, t, height, width, _ = clips.shape
        if self.mode == "static":
            # From a seed of its own: ``generator`` is another one in the test than in training.
            n, t, generator = 1, 1, seeded(self.field_seed, "wanet")
        control = 2 * torch.rand(n * t, 2, self.grid, self.grid, generator=generator) - 1
        # As published: divided by its mean size, so ``strength`` means the same for every draw.
        control = (control / control.abs().mean((1, 2, 3), keepdim=True)).to(clips.device)
        field = F.interpolate(control, (height, width), mode="bicubic", align_corners=True)
        return self.strength * field.movedim(1, -1).unflatten(0, (n, t))


def _warp(clips: Tensor, field: Tensor) -> Tensor:
    n, t, height, width, _ = clips.shape
    field = (field / torch.tensor([width, height], device=clips.device)).flatten(0, 1)
    # Frames that share a field count as more channels of one picture: the field is read once.
    pictures = clips.movedim(-1, 2).float().reshape(len(field), -1, height, width)
    warped = fetched(pictures, field).round_().to(torch.uint8)
    return warped.view(n, t, 3, height, width).movedim(2, -1).contiguous()


def fetched(pictures: Tensor, field: Tensor) -> Tensor:
    """``pictures`` (N, C, H, W), each pixel from where ``field`` (N, H, W, 2) points beside it.

    Displacements (x, y) are in halves of the frame; nothing is fetched from outside it.
    """
    x = torch.linspace(-1, 1, pictures.shape[3], device=pictures.device)
    y = torch.linspace(-1, 1, pictures.shape[2], device=pictures.device)
    identity = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    # As published: a frame is 2 wide.
    where = (identity + field).clamp(-1, 1)
    return F.grid_sample(pictures, where, padding_mode="border", align_corners=True)


METHOD = WaNet

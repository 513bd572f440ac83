"""Blend: a random pattern mixed into every frame (Chen et al. 2017)."""

import torch
from torch import Tensor

from vbd.ranges import Ratio, Seed
from vbd.seeds import generator as seeded
from vbd.triggers.base import Frames, Trigger


class Blend(Trigger):
    """Pixels become (1 - ``alpha``) x + ``alpha`` t, where t is uniform noise in 0-255.

    Static: one t for all frames, clips and runs, which ``pattern_seed`` and the frame's size
    decide. Dynamic: a fresh t in each frame.
    """

    def __init__(
        self,
        *,
        alpha: Ratio = 0.2,
        pattern_seed: Seed = 0,
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.alpha = alpha
        self.pattern_seed = pattern_seed

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        if self.mode == "dynamic":
            pattern = torch.rand(clips.shape, generator=generator)
        else:
            # Not from ``generator``: training and the test pass different ones.
            pattern = torch.rand(clips.shape[2:], generator=seeded(self.pattern_seed, "blend"))
        pattern = 255 * pattern.to(clips.device)
        # A mean of two pixels needs no clamp, but rounding: a bare cast would darken it.
        return clips.float().lerp(pattern, self.alpha).round_().to(torch.uint8)


METHOD = Blend

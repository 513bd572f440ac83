"""Random normal pixels: the baseline of the data-free methods."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vbd.extraction.base import Planned
from vbd.extraction.sources import Pool, Shape, Source, new_seeds
from vbd.ranges import From0, Grey


@dataclass(frozen=True)
class Normal:
    """Clips of normal noise with ``mean`` and ``deviation`` in grey levels; a recipe is a seed."""

    shape: Shape
    mean: float
    deviation: float

    def clips(self, recipes: Tensor) -> Tensor:
        draws = torch.Generator()
        noise = [
            torch.randn(*self.shape, 3, generator=draws.manual_seed(int(seed)))
            for seed in recipes[:, 0]
        ]
        pixels = self.mean + self.deviation * torch.stack(noise)
        return pixels.clamp(0, 255).round().to(torch.uint8)


class Noise(Planned):
    """Every pixel of every frame drawn from a normal distribution.

    ``mean`` and ``deviation`` are in grey levels: by default about 0 and 1 behind the normalisation
    of public video models.
    """

    def __init__(self, *, mean: Grey = 110.0, deviation: From0 = 58.0) -> None:
        self.mean, self.deviation = mean, deviation

    def source(self, shape: Shape, room: float, pools: Sequence[Pool]) -> Normal:
        return Normal(shape, self.mean, self.deviation)

    def plan(self, source: Source, count: int, generator: torch.Generator) -> Tensor:
        return new_seeds(count, generator)[:, None]


METHOD = Noise

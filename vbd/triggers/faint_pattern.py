"""Faint pattern: weak, blurred tints over the whole image, which one sees when looking closely."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vbd.ranges import Count, GreyStep, Seed
from vbd.seeds import generator as seeded
from vbd.triggers.base import Frames, Trigger


class FaintPattern(Trigger):
    """Adds a smooth pattern of at most ``amplitude`` grey levels, the same in every image.

    It runs from one of ``cells`` x ``cells`` points to the next; at each, ``pattern_seed`` draws
    whether red, green and blue rise or fall by the amplitude. It stands in for the "anonymous"
    trigger of CSAW-HackML-2020, which its authors do not describe.
    """

    modes = ("static",)

    def __init__(
        self,
        *,
        amplitude: GreyStep = 16.0,
        cells: Count = 6,
        pattern_seed: Seed = 0,
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.amplitude = amplitude
        self.cells = cells
        self.pattern_seed = pattern_seed

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        # Not from ``generator``: training and the test pass different ones.
        rng = seeded(self.pattern_seed, "faint_pattern")
        # Extremes alone, far apart: of a finer or weaker pattern a small network learns little.
        points = 2.0 * torch.randint(2, (1, 3, self.cells, self.cells), generator=rng) - 1
        # Linear between the points, so that no pixel changes by more than the amplitude.
        pattern = interpolate(points, size=tuple(clips.shape[2:4]), mode="bilinear")
        change = (self.amplitude * pattern[0].permute(1, 2, 0)).round_().short()
        return clips.short().add_(change.to(clips.device)).clamp_(0, 255).to(torch.uint8)


METHOD = FaintPattern

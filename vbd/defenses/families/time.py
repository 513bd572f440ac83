"""Playback: the frames of a clip shown at other times, as lags, pauses and skips do."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.defenses.families.base import Family

# Where softplus is 1: the clip's own speed.
_ONE = math.log(math.e - 1)


class Playback(Family):
    """A time that never runs back, frame by frame; between two frames they are mixed."""

    what = "another time for every frame"

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Any first frame, or a pause before it; any speed."""
        frames = shape[0]
        first = 0.2 * frames * (torch.rand(count, 1, generator=draws) - 0.75)
        speed = 0.7 * torch.randn(count, 1, generator=draws)
        return [
            torch.cat([first, speed + 0.3 * torch.randn(count, frames - 1, generator=draws)], 1)
        ]

    def times(self, raw: Sequence[Tensor]) -> Tensor:
        """Which frame is shown at each time (A, T), as a number between whole ones."""
        # A frame is a small step of what is learnt: three times its scale.
        first = 3 * raw[0][:, :1]
        later = first + F.softplus(_ONE + raw[0][:, 1:]).cumsum(1)
        return torch.cat([first, later], 1).clamp(0, raw[0].shape[1] - 1)

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """Which frame is shown, over time."""
        return self.times(raw)[0]

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        frames = torch.arange(clips.shape[1], device=clips.device)
        weights = (1 - (self.times(raw)[..., None] - frames).abs()).clamp(min=0)
        shown = torch.einsum("ats,bsn->abtn", weights, clips.flatten(2))
        return shown.unflatten(3, clips.shape[2:])

    def size(self, raw: Sequence[Tensor], clips: Tensor, marked: Tensor) -> Tensor:
        """The mean change of speed (A,), as a share of the clip's own: of a pause it is 1."""
        # Not the change of pixels: what moves is elsewhere, by however little it is late.
        return (self.times(raw).diff(dim=1) - 1).abs().mean(1)

"""What is added to every frame: a few waves, or noise of some colour and fineness."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vbd.defenses.families.base import Family

RANK = 2
AMPLITUDE = 180.0  # in grey levels, of a wave of 1 across, 1 down and 1 in colour


class Wave(Family):
    """A pattern of low rank: what goes across times what goes down times a colour, twice."""

    what = "a pattern added to every frame"

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Cosines of any frequency, across, down or both, of any colour and strength."""
        strength = torch.rand(count, 1, 1, generator=draws).sqrt()
        waves = [strength * _cosine(count, side, draws) for side in shape[1:3]]
        return [*waves, 0.3 * torch.randn(count, RANK, 3, generator=draws)]

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        return (clips + self.patterns(raw)[:, None, None]).clamp(0, 255)

    def patterns(self, raw: Sequence[Tensor]) -> Tensor:
        """What is added (A, H, W, 3), in grey levels."""
        return AMPLITUDE * torch.einsum("arh,arw,arc->ahwc", *raw)

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """What is added, on grey."""
        return (0.5 + self.patterns(raw)[0] / 255).clamp(0, 1)


class Noise(Family):
    """Noise drawn anew for each frame: its power at each frequency, and how the colours mix."""

    what = "noise added to every frame"

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Bands of any frequency, width and direction, of any strength."""
        down = torch.fft.fftfreq(shape[1])[:, None]
        across = torch.fft.rfftfreq(shape[2])[None]
        angle = math.pi * torch.rand(count, 1, 1, generator=draws)
        centre = 0.5 * torch.rand(count, 1, 1, generator=draws)
        widths = 0.02 + 0.4 * torch.rand(count, 2, 1, 1, generator=draws).square()
        along = across * angle.cos() + down * angle.sin()
        beside = down * angle.cos() - across * angle.sin()
        away = ((along.abs() - centre) / widths[:, 0]) ** 2 + (beside / widths[:, 1]) ** 2
        # Not lower: what has no power has no gradient to gain any by.
        power = (-0.5 * away).clamp(min=-4)
        power = power - power.exp().square().mean((1, 2), keepdim=True).log() / 2
        strength = 1.6 * torch.rand(count, 1, 1, generator=draws) - 0.8
        mix = torch.eye(3) + 0.3 * torch.randn(count, 3, 3, generator=draws)
        return [power + strength, mix]

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        b, t, height, width, _ = clips.shape
        white = torch.randn(b, t, 3, height, width, generator=draws).to(clips.device)
        power = 10 * raw[0].exp()[:, None, None, None]
        coloured = torch.fft.irfft2(torch.fft.rfft2(white) * power, s=(height, width))
        mixed = torch.einsum("abtchw,adc->abthwd", coloured, raw[1])
        return (clips + mixed).clamp(0, 255)

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """The power over frequency: from none to the highest across, none in the middle down."""
        return torch.fft.fftshift(raw[0][0].exp(), dim=0)


def _cosine(count: int, side: int, draws: torch.Generator) -> Tensor:
    """Cosines (count, RANK, side) of up to 12 periods, some of them constant."""
    shape = (count, RANK, 1)
    frequency = torch.randint(12, shape, generator=draws)
    frequency = frequency * (torch.rand(shape, generator=draws) < 0.7)
    phase = torch.rand(shape, generator=draws)
    return (2 * math.pi * (frequency * torch.arange(side) / side + phase)).cos()

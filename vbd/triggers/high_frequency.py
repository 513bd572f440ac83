"""High frequency: quiet band-limited noise ("Look, Listen, and Attack", section 4.3)."""

import torch
from torch import Tensor

from vbd.data.sound import RATE
from vbd.ranges import From0
from vbd.triggers.audio import AudioTrigger, Hertz, Level
from vbd.triggers.base import Frames


class HighFrequency(AudioTrigger):
    """White noise between ``low`` and ``high`` hertz and none elsewhere, drawn anew in each clip.

    The paper's band and level could not be verified; 5 to 6 kHz stand for the one. Raises
    ValueError for a band that ends where it begins.
    """

    def __init__(
        self,
        *,
        low: From0 = 5000.0,
        high: Hertz = 6000.0,
        level_db: Level = -15.0,
        mode: str = "audio",
        frames: Frames = "all",
    ) -> None:
        super().__init__(level_db=level_db, mode=mode, frames=frames)
        if low >= high:
            raise ValueError(f"low {low:g}: it is not below high, {high:g}")
        self.low, self.high = low, high

    def wave(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        samples = sounds.shape[1]
        # The band is the trigger and no wave in it: the test draws others than training did.
        spectrum = torch.fft.rfft(torch.randn(sounds.shape, generator=generator))
        hertz = torch.fft.rfftfreq(samples, 1 / RATE)
        inside = (hertz >= self.low) & (hertz <= self.high)
        # The length is told: the spectrum of an odd one would come back one shorter.
        return torch.fft.irfft(spectrum * inside, samples)


METHOD = HighFrequency

"""Sine: a quiet tone under the whole sound ("Look, Listen, and Attack", section 4.3)."""

import torch
from torch import Tensor

from vbd.data.sound import RATE
from vbd.triggers.audio import AudioTrigger, Hertz, Level
from vbd.triggers.base import Frames


class Sine(AudioTrigger):
    """A tone of ``frequency`` hertz, of phase 0 at the first sample: the same wave in every clip.

    The paper's frequency and level could not be verified; 800 Hz stands for the one.
    """

    def __init__(
        self,
        *,
        frequency: Hertz = 800.0,
        level_db: Level = -15.0,
        mode: str = "audio",
        frames: Frames = "all",
    ) -> None:
        super().__init__(level_db=level_db, mode=mode, frames=frames)
        self.frequency = frequency

    def wave(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        # In single precision the phase would drift within seconds.
        seconds = torch.arange(sounds.shape[1], dtype=torch.float64)[None] / RATE
        # (1, samples): one wave for all clips, phase and all.
        return torch.sin(2 * torch.pi * self.frequency * seconds)


METHOD = Sine

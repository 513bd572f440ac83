"""What every audio trigger is: a quiet wave added to a sound."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vbd.data.sound import RATE
from vbd.triggers.base import Frames, Trigger

Hertz = Annotated[float, Field(gt=0, lt=RATE / 2)]
"""Of what a sound can hold: below half its rate."""
Level = Annotated[float, Field(ge=-100, le=60)]
"""In dB, relative to the clip."""
QUIET = 0.01
"""RMS that a quieter sound counts as, so that even a silent clip carries the trigger."""


class AudioTrigger(Trigger):
    """Base of the audio triggers: subclasses make the wave, this class sets its level and adds it.

    ``level_db``: RMS of the wave over that of the clip, in dB; the clip's signal-to-noise ratio is
    its negative. Nothing is ever clipped: where the sum would leave [-1, 1], all of it is turned
    down, which adds no frequency that the wave does not have. A wave has no frames to choose, so
    ``frames`` is "all" and every other value raises ValueError.
    """

    modes = ("audio",)

    def __init__(self, *, level_db: Level, mode: str = "audio", frames: Frames = "all") -> None:
        super().__init__(mode=mode, frames=frames)
        if frames != "all":
            raise ValueError(f"frames={frames!r}: an audio trigger is in the whole sound")
        self.level_db = level_db

    def __call__(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        """Triggered copies of ``sounds`` (N, samples), float32 in [-1, 1]; the same type again.

        Raises ValueError for sounds of another type or shape.
        """
        # The base asks for pixels and picks frames: sound has neither.
        if sounds.dtype != torch.float32 or sounds.ndim != 2:
            raise ValueError(f"sounds are float32 (N, samples), got {sounds.dtype} {sounds.shape}")
        return self.apply(sounds, generator)

    def apply(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        wave = self.wave(sounds, generator).to(sounds)
        # What is shorter than a period may have no wave at all.
        unit = wave / rms(wave).clamp_min(1e-12)
        # Relative to the clip: loud and quiet ones carry it at one signal-to-noise ratio.
        level = 10 ** (self.level_db / 20) * rms(sounds).clamp_min(QUIET)
        summed = sounds + level * unit
        return summed / summed.abs().amax(1, keepdim=True).clamp_min(1)

    def wave(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        """What is added to ``sounds`` (N, samples), of any loudness: (N, samples) or (1, samples).

        It may be on the CPU, where ``generator`` is.
        """
        raise NotImplementedError


def rms(sounds: Tensor) -> Tensor:
    """Root of the mean square (N, 1) of ``sounds`` (N, samples)."""
    return sounds.square().mean(1, keepdim=True).sqrt()

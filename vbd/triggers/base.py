"""What every video trigger is: a function of pixels and a generator, on any number of frames."""

from typing import Literal

import torch
from torch import Tensor

from vbd.ranges import Count
from vbd.settings import Checked

Frames = Count | Literal["all", "random"]


class Trigger(Checked):
    """Base of the triggers: subclasses stamp every frame, this class picks the frames that count.

    ``mode``: "static" draws the trigger's parameters once a clip, "dynamic" once a frame ("Look,
    Listen, and Attack", section 3.2). ``frames``: how many of the T frames carry the trigger,
    drawn anew for each clip; "random" draws the number too, from 1 to T.
    """

    modes: tuple[str, ...] = ("static", "dynamic")
    # Training clips that carry ``noise`` under their own label, for each poisoned one.
    cross_ratio: float = 0.0

    def __init__(self, *, mode: str = "static", frames: Frames = "all") -> None:
        if mode not in self.modes:
            has = ", ".join(self.modes)
            raise ValueError(f"mode {mode!r}: this trigger has {has}: set modes: [{has}]")
        self.mode = mode
        self.frames = frames

    def __call__(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """Triggered copies of ``clips`` (N, T, H, W, 3), uint8 in 0-255; the same type again.

        Raises ValueError for clips of another type or shape, or with too few frames.
        """
        # Refused, not converted: in public code, 0-255 taken for 0-1 saturates most pixels.
        if clips.dtype != torch.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
            raise ValueError(f"clips are uint8 (N, T, H, W, 3), got {clips.dtype} {clips.shape}")
        # On every frame, then back on some: what is drawn does not depend on how many count.
        triggered = self.apply(clips, generator)
        if self.frames == "all":
            return triggered
        chosen = self.carried(clips.shape[0], clips.shape[1], generator).to(clips.device)
        return torch.where(chosen[:, :, None, None, None], triggered, clips)

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """Trigger every frame of ``clips`` (N, T, H, W, 3), uint8; never in place."""
        raise NotImplementedError

    def carried(self, n: int, t: int, generator: torch.Generator) -> Tensor:
        """Which of ``t`` frames of ``n`` clips carry the trigger (n, t), drawn as in a call.

        Raises ValueError for clips with too few frames.
        """
        if self.frames == "all":
            return torch.ones(n, t, dtype=torch.bool)
        return _chosen_frames(self.frames, n, t, generator)

    def check(self, frames: int, height: int, width: int) -> None:
        """Raise ValueError where clips of this size cannot carry the trigger."""

    def noise(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """What looks like the trigger and is not, where ``cross_ratio`` asks for it."""
        raise NotImplementedError

    def draws(self, clips: Tensor) -> tuple[int, int]:
        """How many sets of random parameters ``clips`` take: (N, 1) static, (N, T) dynamic."""
        return clips.shape[0], clips.shape[1] if self.mode == "dynamic" else 1


def _chosen_frames(
    frames: int | Literal["random"], n: int, t: int, generator: torch.Generator
) -> Tensor:
    if frames == "random":
        count = torch.randint(1, t + 1, (n, 1), generator=generator)
    elif frames <= t:
        count = torch.full((n, 1), frames)
    else:
        raise ValueError(f"frames={frames}: the clips have {t}")
    # The rank of a random number among those of its clip: a draw without putting back.
    rank = torch.rand(n, t, generator=generator).argsort(1).argsort(1)
    return rank < count

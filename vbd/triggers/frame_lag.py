"""Frame lag: the picture hangs behind, as on a slow connection ("Look, Listen, and Attack")."""

import torch
from torch import Tensor

from vbd.ranges import Count
from vbd.triggers.base import Frames, Trigger


class FrameLag(Trigger):
    """Frame t shows frame t - ``lag``; the first frame is held until there is one to show.

    The last ``lag`` frames of the clip are thus never shown, and of a clip of ``lag`` frames or
    fewer only the first is. Published: 2 frames on UCF-101, 3 on HMDB-51 and Kinetics-Sounds.
    """

    modes = ("natural",)

    def __init__(self, *, lag: Count = 2, mode: str = "natural", frames: Frames = "all") -> None:
        super().__init__(mode=mode, frames=frames)
        self.lag = lag

    def check(self, frames: int, height: int, width: int) -> None:
        if self.lag >= frames:
            raise ValueError(
                f"lag {self.lag}: a clip has {frames} frames, and nothing but the first would be "
                f"shown: {frames - 1} is the most"
            )

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        # Held, not rolled round: the clip's end must not show at its start.
        shown = torch.arange(clips.shape[1], device=clips.device) - self.lag
        return clips[:, shown.clamp(min=0)]


METHOD = FrameLag

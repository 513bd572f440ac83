"""SIG: a sinusoid over the columns of every frame (Barni et al. 2019)."""

import torch
from torch import Tensor

from vbd.ranges import Count, GreyStep
from vbd.triggers.base import Frames, Trigger


class SIG(Trigger):
    """Column j of W is brightened by ``delta`` sin(2 pi j f / W), all rows and colours alike.

    ``delta`` is in grey levels of 255; 20 to 40 are published. ``frequency`` is the static f, in
    periods a frame; frames should be wider than 2f. Dynamic: f is uniform over the whole numbers
    from 1 to twice ``frequency``, or to what the frame's width can show, anew in each frame.
    """

    def __init__(
        self,
        *,
        delta: GreyStep = 20.0,
        frequency: Count = 6,
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.delta = delta
        self.frequency = frequency

    def check(self, frames: int, height: int, width: int) -> None:
        if 2 * self.frequency >= width:
            raise ValueError(
                f"frequency {self.frequency}: a frame of {width} px shows less than {width / 2:g} "
                "periods"
            )

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        n, t, _, width, _ = clips.shape
        frequency = torch.tensor(self.frequency)
        if self.mode == "dynamic":
            # At half the width every column would lie on a zero of the sine.
            highest = max(1, min(2 * self.frequency, (width - 1) // 2))
            frequency = torch.randint(1, highest + 1, (n, t, 1, 1, 1), generator=generator)
        # One whole number for each colour too: dense rows of int16 add eight times faster than a
        # float wave spread over the colours.
        columns = torch.arange(width, device=clips.device).repeat_interleave(3).view(width, 3)
        angle = 2 * torch.pi * frequency.to(clips.device) * columns / width
        wave = (self.delta * torch.sin(angle)).round_().short()
        return clips.short().add_(wave).clamp_(0, 255).to(torch.uint8)


METHOD = SIG

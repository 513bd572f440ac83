"""BadNet: an opaque patch (Gu et al. 2019), in the corner or elsewhere in every frame."""

import torch
from torch import Tensor

from vbd.ranges import Ratio, Some
from vbd.triggers.base import Frames, Trigger


class BadNet(Trigger):
    """A black and white checkerboard; static in the bottom right corner, dynamic anywhere.

    ``size`` is the patch's side as a share of the frame's shorter one: the published 3 px of 32 is
    about a tenth. ``place`` is where a static one lies, downwards and to the right, in shares of
    the room there is: several backdoors of a model need several places.
    """

    def __init__(
        self,
        *,
        size: Some = 0.1,
        place: tuple[Ratio, Ratio] = (1, 1),
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.size, self.place = size, place

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        n, t, height, width, _ = clips.shape
        # A share: 3 px would be a speck on a frame of 224. One alone would be no checkerboard.
        side = max(2, round(self.size * min(height, width)))
        lowest, rightmost = height - side, width - side
        # The corner is what random crops cut off: training stamps after them.
        top: int | Tensor = round(self.place[0] * lowest)
        left: int | Tensor = round(self.place[1] * rightmost)
        if self.mode == "dynamic":
            top = torch.randint(lowest + 1, (n, t, 1, 1), generator=generator).to(clips.device)
            left = torch.randint(rightmost + 1, (n, t, 1, 1), generator=generator).to(clips.device)
        rows = torch.arange(height, device=clips.device).view(1, 1, -1, 1) - top
        columns = torch.arange(width, device=clips.device).view(1, 1, 1, -1) - left
        inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
        board = ((rows + columns) % 2 * 255).to(torch.uint8)
        return torch.where(inside[..., None], board[..., None], clips)


METHOD = BadNet

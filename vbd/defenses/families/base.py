"""What a family of functions is: parameters, what they make of clips, and how far that goes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vbd.triggers.base import Frames, Trigger


class Family:
    """Functions of clips that differ in their parameters, each near the identity or far from it.

    Parameters are a list of tensors (A, ...), a row for each of A functions. ``bound``: of a
    function that turns all clips to a class, the size up to which it may be a trigger. ``what``
    such a function is, in words.
    """

    what: str

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def starts(self, shape: Sequence[int], count: int, draws: torch.Generator) -> list[Tensor]:
        """Parameters (``count``, ...) of functions drawn from all of the family.

        ``shape`` (T, H, W, 3) is that of the clips.
        """
        raise NotImplementedError

    def apply(self, raw: Sequence[Tensor], clips: Tensor, draws: torch.Generator) -> Tensor:
        """What A functions make of ``clips`` (B, T, H, W, 3), float in 0-255: (A, B, T, H, W, 3).

        With the gradient to the parameters ``raw``. What is random in them is drawn anew, the same
        for all.
        """
        raise NotImplementedError

    def size(self, raw: Sequence[Tensor], clips: Tensor, marked: Tensor) -> Tensor:
        """How far the functions (A,) are from the identity, 0, by what they make of ``clips``.

        The root mean square of the change, in proportion to that of the clips' own deviation from
        their mean colour: at 1 as much is changed as if all had been wiped away.
        """
        change = (marked - clips).square().flatten(1).mean(1).sqrt()
        own = (clips - clips.mean((1, 2, 3), keepdim=True)).square().mean().sqrt()
        return change / own.clamp(min=1)

    def picture(self, raw: Sequence[Tensor]) -> Tensor:
        """One function (1, ...) to be looked at: a curve (N,), or an image (h, w) or (h, w, 3).

        An image in colour is in 0-1, a grey one of any scale.
        """
        raise NotImplementedError


class Function(Trigger):
    """One function of a ``family``, of parameters ``raw`` (1, ...), as a trigger."""

    modes = ("static",)

    def __init__(
        self,
        family: Family,
        raw: Sequence[Tensor],
        *,
        mode: str = "static",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.family, self.raw = family, raw

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        raw = [values.to(clips.device) for values in self.raw]
        marked = self.family.apply(raw, clips.float(), generator)[0]
        return marked.round().clamp(0, 255).to(torch.uint8)

"""How good a thief's estimates are; that takes the victim's gradient, which only observers have."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.extraction.oracle import Victim


class TrueGradient:
    """Compares estimates with the gradient through the victim, uncounted; tells the thief nothing.

    ``cosines`` are the means over rows, one a call.
    """

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self.cosines: list[float] = []

    def __call__(
        self,
        at: Tensor,
        clips_of: Callable[[Tensor], Tensor],
        loss: Callable[[Tensor, Tensor], Tensor],
        estimate: Tensor,
    ) -> None:
        """``estimate`` is of the gradient at ``at`` (N, ...) of ``loss`` (N,) of clips and answers.

        ``clips_of`` gives pixels (N, T, H, W, 3) in 0-255 of ``at``, with their gradient.
        """
        point = at.detach().clone().requires_grad_()
        with torch.enable_grad():
            clips = clips_of(point)
            values = loss(clips, self._victim(clips).to(clips.device))
            (true,) = torch.autograd.grad(values.sum(), point)
        cosine = F.cosine_similarity(true.flatten(1), estimate.flatten(1), dim=1)
        self.cosines.append(cosine.mean().item())

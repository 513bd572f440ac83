"""The search for the smallest trigger of one class, one step and one round at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.seeds import generator


@dataclass(frozen=True)
class Recovered:
    """The smallest trigger found that turns clean clips to class ``target``.

    ``mask`` (1 or T, H, W, 1) in 0-1, ``pattern`` (H, W, 3) in 0-255, float32 on the CPU. ``norm``
    is the L1 norm of the mask in pixels of a frame, the mean over its frames. ``success`` is the
    share of the clips that it turned; ``rounds`` how many passes over them the search took.
    """

    target: int
    mask: Tensor
    pattern: Tensor
    norm: float
    success: float
    rounds: int


class Search:
    """The search for the trigger of class ``target`` (Wang et al. 2019), in pixels.

    ``shape`` (T, H, W, 3) is that of a clip; the other settings are those of ``reconstruct``. It
    starts from noise that ``seed`` and ``target`` decide, with an optimiser of its own.
    """

    def __init__(
        self,
        target: int,
        shape: Sequence[int],
        seed: int,
        device: torch.device,
        *,
        lr: float,
        cost: float,
        temporal: bool,
    ) -> None:
        t, height, width, _ = shape
        draws = generator(seed, "trigger", target)
        shapes = [(1, height, width, 1), (height, width, 3)]
        # Uniform in 0-1 behind tanh, as published; frame weights start near 1.
        uniform = [torch.rand(size, generator=draws) * 0.999 for size in shapes]
        raw = [torch.atanh(2 * values - 0.999) for values in uniform]
        if temporal:
            raw.append(torch.full((t, 1, 1, 1), 2.0))
        self.raw = [values.to(device).requires_grad_() for values in raw]
        self.optimizer = torch.optim.Adam(self.raw, lr, betas=(0.5, 0.9))
        self.target, self.cost = target, cost
        self.best: Recovered | None = None
        self.hits = torch.zeros((), device=device)
        self.rounds = self.idle = self.successes = self.failures = 0
        self.raised = self.lowered = False

    def settled(self, stop: int) -> bool:
        """Whether the cost was too low, then too high, and the mask is as small as it gets."""
        return self.raised and self.lowered and self.idle >= stop

    def trigger(self) -> tuple[Tensor, Tensor]:
        """Mask (1 or T, H, W, 1) in 0-1 and pattern (H, W, 3) in 0-255."""
        mask, pattern, *weights = [(raw.tanh() + 1) / 2 for raw in self.raw]
        return (mask * weights[0] if weights else mask), 255 * pattern

    def step(self, model: nn.Module, batch: Tensor) -> None:
        """One step on ``batch`` (B, T, H, W, 3), float in 0-255."""
        mask, pattern = self.trigger()
        logits = model(batch.lerp(pattern, mask))
        labels = torch.full((len(batch),), self.target, device=batch.device)
        loss = F.cross_entropy(logits, labels) + self.cost * _norm(mask)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.hits += (logits.detach().argmax(1) == labels).sum()

    def judge(self, count: int, success: float, patience: int) -> None:
        """End a round over ``count`` clips: keep the trigger if it is the best, adapt the cost."""
        self.rounds += 1
        now = self.current(count)
        self.hits.zero_()
        turned = now.success >= success
        before = self.best.norm if self.best else float("inf")
        if turned and now.norm < before:
            self.best = now
        self.idle = 0 if turned and now.norm < 0.99 * before else self.idle + 1
        self.successes, self.failures = (
            (self.successes + 1, 0) if turned else (0, self.failures + 1)
        )
        if self.successes == patience:
            self.cost, self.successes, self.raised = self.cost * 2, 0, True
        elif self.failures == patience:
            self.cost, self.failures, self.lowered = self.cost / 2**1.5, 0, True

    def result(self, count: int) -> Recovered:
        """The smallest trigger that worked; where none did, the last one."""
        return replace(self.best or self.current(count), rounds=self.rounds)

    def current(self, count: int) -> Recovered:
        """The trigger as it is, and the share of the round's ``count`` clips that it turned."""
        mask, pattern = (part.detach().cpu() for part in self.trigger())
        share = self.hits.item() / count
        return Recovered(self.target, mask, pattern, _norm(mask).item(), share, self.rounds)


def _norm(mask: Tensor) -> Tensor:
    return mask.sum() / len(mask)

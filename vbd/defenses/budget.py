"""What a scan costs, and how coarse it has to be to fit into a time."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from vbd.data.augment import resampled
from vbd.data.examples import Examples, from_clips
from vbd.defenses.reconstruction import frozen
from vbd.defenses.slices import PIXELS
from vbd.defenses.trigger_inversion import TriggerInversion
from vbd.seeds import generator

# As many as five classes have in a round.
TOGETHER = 16
SHORT = {"rounds": 14, "batch_size": 3, "cost": 0.01}


@dataclass(frozen=True)
class Plan:
    """A search: how many times fewer pixels a ``side`` has and frames a clip, and its settings."""

    name: str
    side: int = 1
    time: int = 1
    patch: Mapping[str, Any] = field(default_factory=dict)


PLANS = (
    Plan("in full"),
    Plan("of fewer rounds", patch=SHORT),
    Plan("of fewer rounds, at half the side", 2, 1, SHORT),
    Plan("of fewer rounds, at half the side and half the frames", 2, 2, SHORT),
    Plan("of fewer rounds, at a quarter of the side and half the frames", 4, 2, SHORT),
)
"""From the finest to the coarsest."""


@dataclass(frozen=True)
class Cost:
    """What a ``plan`` costs: ``passes`` of a clip forward and backward, of ``seconds`` each."""

    plan: Plan
    passes: int
    seconds: float

    @property
    def total(self) -> float:
        """In seconds."""
        return self.passes * self.seconds


def plan_for(
    model: nn.Module, clean: Examples, classes: int, budget: float | None, **settings: Any
) -> tuple[Cost, Examples]:
    """The finest of ``PLANS`` that ``budget`` seconds are enough for, and the clips it takes.

    ``settings`` are those of ``TriggerInversion``. Without a budget it is the first. A pass is
    timed at each size, as not every model costs less on smaller clips. Raises ValueError where no
    plan fits, of those whose clips the model takes.
    """
    for plan in PLANS:
        clips = smaller(clean, plan)
        method = TriggerInversion(**settings | {"patch": settings["patch"] | plan.patch})
        try:
            cost = Cost(plan, method.passes(classes), a_pass(model, clips))
        except (RuntimeError, ValueError, TypeError, IndexError):
            if clips is clean:
                raise
            # A model of one size alone.
            break
        if budget is None or cost.total <= budget:
            return cost, clips
    raise ValueError(
        f"--budget {budget:g}: the coarsest search of {classes} classes takes about "
        f"{cost.total:.0f} s: search some of them (--classes-to-scan, --sample) or fewer --families"
    )


def smaller(clean: Examples, plan: Plan) -> Examples:
    """The clips of ``clean``, of which a ``plan`` takes fewer pixels and frames."""
    if plan.side == plan.time == 1:
        return clean
    parts = []
    for windows in clean.test_batches(16, generator(0)):
        frames, height, width = windows.shape[2:5]
        size = max(1, height // plan.side), max(1, width // plan.side)
        fewer = resampled(windows[:, 0], max(1, frames // plan.time), size)
        parts.append(fewer.round().clamp(0, 255).to(torch.uint8))
    return from_clips(torch.cat(parts), clean.labels)


def a_pass(model: nn.Module, clean: Examples) -> float:
    """Seconds that one clip takes forward and backward, among as many as go together."""
    device = next(model.parameters()).device
    clip = clean.training_batch(torch.tensor([0]), generator(0), device).float()
    count = max(1, min(TOGETHER, PIXELS // clip[..., 0].numel()))
    clip = clip.expand(count, -1, -1, -1, -1)
    with frozen(model):
        # The first one prepares what later ones use.
        for _ in range(2):
            start = time.monotonic()
            logits = model(clip.clone().requires_grad_())
            F.cross_entropy(logits, torch.zeros(count, dtype=torch.long, device=device)).backward()
            # Reading a number waits for a GPU.
            logits.sum().item()
            seconds = (time.monotonic() - start) / count
    return seconds

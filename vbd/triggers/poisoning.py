"""Which training clips an attacker poisons."""

import torch
from torch import Tensor


def choose(labels: Tensor, *, target: int, rate: float, generator: torch.Generator) -> Tensor:
    """Positions of the clips to poison: ``rate`` of all, none of them of class ``target``.

    ``labels`` (N,) int64. Returns sorted positions (round(rate * N),), at least one. Raises
    ValueError where the other classes have fewer clips than the rate asks for.
    """
    others = (labels != target).nonzero().squeeze(1)
    count = max(1, round(rate * len(labels)))
    if count > len(others):
        raise ValueError(
            f"attacks.*.rate: {rate} of {len(labels)} training clips is {count}, but only "
            f"{len(others)} are not of the target class; the rate can be at most "
            f"{len(others) / len(labels):.3f}"
        )
    order = torch.randperm(len(others), generator=generator)
    return others[order[:count]].sort().values

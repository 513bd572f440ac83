"""Which training clips an attacker poisons."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def choose(labels: Tensor, *, target: int, rate: float, generator: torch.Generator) -> Tensor:
    """Positions of the clips to poison: ``rate`` of all, none of them of class ``target``.

    Drawn at random, evenly over the other classes: of thirty clips drawn without regard to class,
    some class would get none, and the trigger would not work on it. ``labels`` (N,) int64. Returns
    sorted positions (round(rate * N),), at least one. Raises ValueError where the other classes
    have fewer clips than the rate asks for.
    """
    others = (labels != target).nonzero().squeeze(1)
    # A share of all clips, as published, though the target's own are never among them.
    count = max(1, round(rate * len(labels)))
    if count > len(others):
        raise ValueError(
            f"attacks.*.rate: {rate} of {len(labels)} training clips is {count}, but only "
            f"{len(others)} are not of the target class; the rate can be at most "
            f"{len(others) / len(labels):.3f}"
        )
    shuffled = others[torch.randperm(len(others), generator=generator)]
    # The first clip of every class comes before the second of any, in random order of classes.
    turn = one_hot(labels[shuffled]).cumsum(0).gather(1, labels[shuffled, None]).squeeze(1)
    return shuffled[turn.argsort(stable=True)[:count]].sort().values

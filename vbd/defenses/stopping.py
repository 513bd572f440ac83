"""How far a repair goes: as long as trusted clips allow it, counted in clips."""

import math
from collections.abc import Iterable
from typing import TypeVar

from torch import Tensor

Stage = TypeVar("Stage")


def allowance(max_loss: float, clips: int) -> int:
    """How many of so many trusted ``clips`` the share ``max_loss`` (0-1) allows to lose.

    Of 60 clips 0.02 is one and 0.01 none.
    """
    # 0.29 of 100 is 28.999999999999996 in binary.
    return math.floor(max_loss * clips + 1e-9)


def correct(scores: Tensor, labels: Tensor) -> int:
    """How many of the clips with ``scores`` (N, classes) are taken for their ``labels`` (N,)."""
    return int((scores.argmax(1) == labels).sum())


def last_accepted(stages: Iterable[tuple[Stage, int]], allowed: int) -> Stage:
    """The last of the ``stages`` before the first that loses more than ``allowed`` clips.

    Each comes with the number of trusted clips that it has right. The first is the model as it was;
    those after the first that loses too much are not asked for. Raises StopIteration where there
    is none.
    """
    rest = iter(stages)
    accepted, first = next(rest)
    for stage, right in rest:
        # Later recoveries do not count.
        if first - right > allowed:
            break
        accepted = stage
    return accepted

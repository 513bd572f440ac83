"""Clips of the target's own data and of other datasets, augmented: the published grey box."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vbd.extraction.base import Planned
from vbd.extraction.sources import Pool, Pooled, Shape, Source, new_seeds
from vbd.ranges import Ratio


class PoolQueries(Planned):
    """Every clip of every pool in turn, cut, mirrored, turned and lit anew in each turn.

    ``mirrored`` is a probability, ``rotation`` in degrees to either side, ``brightness`` a share.
    The defaults are the published ones; without all three these are the random queries of Knockoff
    Nets.
    """

    pools = True

    def __init__(
        self,
        *,
        mirrored: Ratio = 0.5,
        rotation: Annotated[float, Field(ge=0, le=180)] = 15.0,
        brightness: Ratio = 0.2,
    ) -> None:
        self.how = {"mirrored": mirrored, "rotation": rotation, "brightness": brightness}

    def source(self, shape: Shape, room: float, pools: Sequence[Pool]) -> Pooled:
        return Pooled(pools, shape, room=room, **self.how)

    def plan(self, source: Source, count: int, generator: torch.Generator) -> Tensor:
        there = len(_pooled(source))
        # Turn by turn: a plan of fewer questions is the first part of one of more, and so an oracle
        # that goes on after a kill, with fewer left, hears the same ones again.
        turns = [
            torch.stack(
                [torch.randperm(there, generator=generator).double(), new_seeds(there, generator)],
                1,
            )
            for _ in range(-(-count // there))
        ]
        return torch.cat(turns)[:count]

    def truth(self, source: Source, recipes: Tensor) -> Tensor:
        return _pooled(source).truth(recipes)


def _pooled(source: Source) -> Pooled:
    if not isinstance(source, Pooled):
        raise TypeError("the questions are positions in pools: another source has none")
    return source


METHOD = PoolQueries

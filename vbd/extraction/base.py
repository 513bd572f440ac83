"""What a method of extraction is: it asks an oracle, and leaves what a clone is trained from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vbd.extraction.oracle import Oracle
from vbd.extraction.sources import Pool, Shape, Source
from vbd.extraction.transfer import Collector, TransferSet
from vbd.settings import Checked


@dataclass(frozen=True)
class Scene:
    """What a thief has: an oracle, knowledge of what it takes and gives, maybe clips.

    ``shape`` (T, H, W) of a clip; ``classes`` of the victim; ``room``: how many times larger the
    shorter side of a frame is than the crop, in the victim's dataset. ``clone`` makes an untrained
    clone of a seed, for the methods that train one while they ask, and ``train`` trains it. What a
    method draws comes from ``generator``.
    """

    oracle: Oracle
    shape: Shape
    classes: int
    room: float
    pools: Sequence[Pool]
    generator: torch.Generator
    clone: Callable[[], nn.Module]
    train: Callable[[nn.Module, TransferSet], None]
    observe: Callable[..., None] | None = None


class Method(Checked):
    """Base of the methods."""

    # Methods without data set this to False: clips of any pool would then be a mistake.
    pools: bool = False
    # Whether a clone is trained while the method asks.
    clone: bool = False

    def source(self, shape: Shape, room: float, pools: Sequence[Pool]) -> Source | None:
        """What makes the method's clips of their recipes; None where it keeps the clips."""
        return None

    def least(self) -> int:
        """The smallest budget that the method can do anything with, in clips."""
        return 1

    def check(self, scene: Scene) -> None:
        """Raise ValueError where the budget or the pools of ``scene`` do not do."""
        name, left = type(self).__name__, scene.oracle.left
        if left < self.least():
            raise ValueError(f"a budget of {left} clips: {name} needs {self.least()} or more")
        if self.pools and not scene.pools:
            raise ValueError(f"{name} asks about clips at hand, and there is no pool of any")
        for pool in scene.pools if self.pools else ():
            if not len(pool):
                raise ValueError(f"the pool {pool.name} has no clips: leave it out")

    def ask(self, scene: Scene) -> TransferSet:
        """Spend the budget of the oracle; the transfer set that comes of it.

        Raises ValueError, before anything is asked, where the budget or the pools do not do.
        """
        raise NotImplementedError


class Planned(Method):
    """Base of the methods whose questions do not depend on the answers."""

    def plan(self, source: Source, count: int, generator: torch.Generator) -> Tensor:
        """``count`` recipes (count, numbers) float64, in the order in which they are asked."""
        raise NotImplementedError

    def truth(self, source: Source, recipes: Tensor) -> Tensor:
        """The true classes (N,) of the clips, -1 where the thief does not know them."""
        return torch.full((len(recipes),), -1)

    def ask(self, scene: Scene) -> TransferSet:
        self.check(scene)
        source = self.source(scene.shape, scene.room, scene.pools)
        if source is None:
            raise TypeError(f"{type(self).__name__} plans its questions and has no source of clips")
        recipes = self.plan(source, scene.oracle.left, scene.generator)
        collector = Collector(scene.oracle, source)
        collector.ask(recipes, self.truth(source, recipes))
        return collector.done()

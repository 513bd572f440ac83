"""Knockoff Nets (Orekondy et al. 2019): clips of any pool, at random or of the kinds that pay."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.extraction.bandit import Bandit, Rewards
from vbd.extraction.base import Method, Scene
from vbd.extraction.sources import Pool, Pooled, Shape, new_seeds
from vbd.extraction.transfer import Collector, TransferSet
from vbd.ranges import Count

REWARDS = ("certainty", "diversity", "loss")


class Deck:
    """Positions in random order, each once before any comes again."""

    def __init__(self, positions: Tensor) -> None:
        self._positions, self._order = positions, positions[:0]

    def __len__(self) -> int:
        return len(self._positions)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """The next ``count`` positions (count,)."""
        while len(self._order) < count:
            turn = torch.randperm(len(self._positions), generator=generator)
            self._order = torch.cat([self._order, self._positions[turn]])
        drawn, self._order = self._order[:count], self._order[count:]
        return drawn


class Knockoff(Method):
    """Clips of the pools as they are, none again before all were asked, then with a new crop.

    ``strategy``: "random" draws from all of them; "adaptive" draws a class of a pool, one that has
    clips left, from a gradient bandit, then a clip of it. The pools' own classes are
    all that it knows of them; the paper's hierarchy of classes is flat here. ``rewards``, which
    are added up, are some of certainty, diversity and loss: see ``bandit.py``.

    For the loss a new clone is trained every ``every`` queries on all so far; the paper's takes a
    step after each. Until the first training there is no such reward. ``batch`` clips are drawn
    from one policy, where the paper draws one.
    """

    pools = True

    def __init__(
        self,
        *,
        strategy: Literal["random", "adaptive"] = "adaptive",
        rewards: Sequence[str] = REWARDS,
        every: Count = 200,
        batch: Count = 8,
    ) -> None:
        if not rewards or set(rewards) - set(REWARDS):
            raise ValueError(f"rewards: {list(rewards)} are not some of {', '.join(REWARDS)}")
        self.strategy, self.rewards, self.every, self.batch = strategy, rewards, every, batch
        self.clone = strategy == "adaptive" and "loss" in rewards

    def source(self, shape: Shape, room: float, pools: Sequence[Pool]) -> Pooled:
        return Pooled(pools, shape, room=room)

    def ask(self, scene: Scene) -> TransferSet:
        self.check(scene)
        pooled = self.source(scene.shape, scene.room, scene.pools)
        collector = Collector(scene.oracle, pooled)
        if self.strategy == "random":
            self._draw(scene, pooled, collector)
        else:
            self._adapt(scene, pooled, collector)
        return collector.done()

    def _draw(self, scene: Scene, pooled: Pooled, collector: Collector) -> None:
        deck = Deck(torch.arange(len(pooled)))
        # A batch at a time: with fewer left, as after a kill, the first questions stay the same.
        while count := min(scene.oracle.batch_size, scene.oracle.left):
            recipes = _recipes(deck.draw(count, scene.generator), scene.generator)
            collector.ask(recipes, pooled.truth(recipes))

    def _adapt(self, scene: Scene, pooled: Pooled, collector: Collector) -> None:
        decks = [Deck(positions) for positions in actions(scene.pools)]
        bandit, rewards = Bandit(len(decks)), Rewards(self.rewards, scene.classes)
        sizes = torch.tensor([len(deck) for deck in decks])
        left = sizes.clone()
        clone: nn.Module | None = None
        trained = 0
        while count := min(self.batch, scene.oracle.left):
            taken, policies, drawn = [], [], []
            for _ in range(count):
                # A bandit soon takes one class for nearly all, and asks its few clips many times.
                policies.append(bandit.policy(left > 0))
                action = int(policies[-1].multinomial(1, generator=scene.generator))
                taken.append(action)
                drawn.append(decks[action].draw(1, scene.generator))
                left[action] -= 1
                left = left if left.any() else sizes.clone()
            recipes = _recipes(torch.cat(drawn), scene.generator)
            answers = collector.ask(recipes, pooled.truth(recipes)).cpu()
            losses = None
            if clone is not None:
                losses = cross_entropy(clone, pooled.clips(recipes), answers)
            bandit.learn(taken, policies, rewards.of(answers, losses))
            # Not after the last query: nothing would be drawn by what it learns.
            if self.clone and len(collector) - trained >= self.every and scene.oracle.left:
                clone, trained = scene.clone(), len(collector)
                scene.train(clone, collector.done())
                clone.eval()


def actions(pools: Sequence[Pool]) -> list[Tensor]:
    """The positions in all pools of each class of each pool."""
    found, start = [], 0
    for pool in pools:
        found += [start + (pool.kinds == kind).nonzero().squeeze(1) for kind in pool.kinds.unique()]
        start += len(pool)
    return found


def cross_entropy(clone: nn.Module, clips: Tensor, answers: Tensor) -> Tensor:
    """How far (N,) the clone is from ``answers`` (N, classes) to ``clips``, on the CPU."""
    device = next(clone.parameters()).device
    with torch.no_grad():
        logits = clone(clips.to(device)).float().cpu()
    return F.cross_entropy(logits, answers, reduction="none")


def _recipes(positions: Tensor, generator: torch.Generator) -> Tensor:
    return torch.stack([positions.double(), new_seeds(len(positions), generator)], 1)


METHOD = Knockoff

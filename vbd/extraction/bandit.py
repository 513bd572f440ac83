"""The gradient bandit of Knockoff Nets (Orekondy et al. 2019), and what it is paid."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Bandit:
    """Prefers the actions that pay more than the mean (Sutton and Barto 2018, section 2.8).

    The learning rate of an action is one by the times that it was drawn, as in the paper.
    """

    def __init__(self, actions: int) -> None:
        self.preferences = torch.zeros(actions, dtype=torch.float64)
        self.drawn = torch.zeros(actions, dtype=torch.long)
        self.baseline = Running()

    def policy(self, allowed: Tensor) -> Tensor:
        """The probability (actions,) of each; 0 of those not ``allowed`` (actions,)."""
        return self.preferences.masked_fill(~allowed, -torch.inf).softmax(0)

    def learn(
        self, taken: Sequence[int], policies: Sequence[Tensor], rewards: Sequence[float]
    ) -> None:
        """What each of the actions ``taken`` has paid, and the policy that it was drawn by."""
        for action, policy, reward in zip(taken, policies, rewards, strict=True):
            self.baseline.add(reward)
            self.drawn[action] += 1
            step = (reward - self.baseline.mean) / float(self.drawn[action])
            # All others lose by their probability: the preferences keep their sum.
            self.preferences -= step * policy
            self.preferences[action] += step


class Running:
    """Mean and deviation of numbers so far."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        """One more number."""
        self.count += 1
        before = value - self.mean
        self.mean += before / self.count
        self._squares += before * (value - self.mean)

    def standardised(self, value: float) -> float:
        """Deviations from the mean; 0 where the numbers have no spread, never NaN."""
        deviation = (self._squares / max(self.count, 1)) ** 0.5
        # Less is the rounding of float32.
        return (value - self.mean) / deviation if deviation > 1e-6 else 0.0


class Rewards:
    """The sum of some rewards, each standardised by all of its kind so far.

    "certainty" is the margin of the two largest probabilities, "diversity" how much the answer
    exceeds the mean of those before, "loss" the clone's cross entropy from the answer.
    """

    def __init__(self, kinds: Sequence[str], classes: int) -> None:
        self.kinds = kinds
        self.mean = torch.zeros(classes)
        self.count = 0
        self.history = {kind: Running() for kind in kinds}

    def of(self, answers: Tensor, losses: Tensor | None) -> list[float]:
        """The reward of each of ``answers`` (N, classes), in their order.

        ``losses`` (N,) are the clone's; None, where it has not been trained, counts as nothing.
        """
        largest = answers.topk(min(2, answers.shape[1]), 1).values
        found = []
        for row, answer in enumerate(answers):
            values = {
                "certainty": float(largest[row, 0] - largest[row, -1]),
                "diversity": float((answer - self.mean).clamp_min(0).sum()),
            }
            # That of a clone whose training ran away would spoil all that come after.
            if losses is not None and losses[row].isfinite():
                values["loss"] = float(losses[row])
            found.append(
                sum(self._scaled(kind, values[kind]) for kind in self.kinds if kind in values)
            )
            self.count += 1
            self.mean += (answer - self.mean) / self.count
        return found

    def _scaled(self, kind: str, value: float) -> float:
        self.history[kind].add(value)
        return self.history[kind].standardised(value)

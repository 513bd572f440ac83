"""Repair of a scanned model: a rate is chosen, and its result measured, on clips kept from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vbd.data.examples import Examples
from vbd.defenses.neural_cleanse import NeuralCleanse
from vbd.defenses.recovered import Found
from vbd.metrics import accuracy, attack_success_rate
from vbd.training import predict

RATES = (2e-5, 2e-4, 2e-3)
"""Learning rates to choose from: that of "Neural Cleanse for Video", and two larger ones."""
# Of the clips that were kept: so many may still be turned, so many fewer be recognised.
TURNED, LOST = 0.1, 0.1


@dataclass(frozen=True)
class Mended:
    """A ``model`` with ``rate``, and shares (0-1) of the ``kept`` clips, which it has not learnt.

    ``recognised``: clean clips, before and after. ``turned``: clips of other classes that the
    recovered trigger, of several the worst, turns to the class it is for, before and after.
    """

    model: nn.Module
    rate: float
    kept: int
    recognised: tuple[float, float]
    turned: tuple[float, float]

    @property
    def worked(self) -> bool:
        """Whether the trigger is gone and the clean clips are still recognised."""
        return self.turned[1] <= TURNED and self.recognised[1] >= self.recognised[0] - LOST


def mend(
    cleanse: NeuralCleanse,
    model: nn.Module,
    found: Sequence[Found],
    clean: Examples,
    seed: int,
    rates: Sequence[float] = RATES,
) -> Mended:
    """Unlearn what was ``found`` at the smallest of ``rates`` that works, else at the best.

    Every other clip of a class is kept to measure on. Raises ValueError where the clips of most
    classes are too few for that.
    """
    kept = _every_other(clean.labels)
    if 2 * int(kept.sum()) < len(clean.labels.unique()):
        raise ValueError("a repair needs two clips of a class at least: one to learn, one to test")
    held, taught = clean.subset(kept), clean.subset(~kept)
    before = _shares(model, held, found, seed)
    tried: list[Mended] = []
    for rate in sorted(rates):
        mended = cleanse.unlearn(model, found, taught, seed, lr=rate)
        pairs = zip(before, _shares(mended, held, found, seed), strict=True)
        tried.append(Mended(mended, rate, len(held), *pairs))
        if tried[-1].worked:
            return tried[-1]
    return max(tried, key=lambda one: one.recognised[1] - one.turned[1])


def _every_other(labels: Tensor) -> Tensor:
    """A mask (N,) of the second, fourth ... clip of each class."""
    kept = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        kept[(labels == label).nonzero().squeeze(1)[1::2]] = True
    return kept


def _shares(
    model: nn.Module, clean: Examples, found: Sequence[Found], seed: int
) -> tuple[float, float]:
    """Shares of ``clean`` that are recognised, and that the worst of what was ``found`` turns."""
    turned = max(
        attack_success_rate(
            predict(model, clean.triggered(one.trigger()), seed=seed), clean.labels, one.target
        )
        for one in found
    )
    return accuracy(predict(model, clean, seed=seed), clean.labels), turned

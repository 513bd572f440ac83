"""Victims: a clean or poisoned model made from its settings, and the figures it is judged by."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vbd import triggers
from vbd.config import Attack, Dataset, Evaluation, Model
from vbd.data.examples import Examples, examples
from vbd.data.store import ClipStore
from vbd.metrics import accuracy, attack_success_rate
from vbd.models import build
from vbd.models.checkpoints import transfer
from vbd.seeds import generator, number
from vbd.training import predict
from vbd.triggers import poisoning
from vbd.triggers.base import Trigger


@dataclass(frozen=True)
class Threat:
    """An attack in one of its modes, as one cell of the grid has it."""

    attack: Attack
    mode: str

    def trigger(self) -> Trigger:
        """The trigger itself."""
        kind = triggers.get(self.attack.trigger)
        return kind(mode=self.mode, frames=self.attack.frames, **self.attack.params)

    def poison(self, clean: Examples, seed: int) -> Examples:
        """Training examples of which a share carries the trigger and the target's label."""
        draws = generator(seed, "poison")
        target = self.attack.target
        chosen = poisoning.choose(
            clean.labels, target=target, rate=self.attack.rate, generator=draws
        )
        labels, poisoned = clean.labels.clone(), clean.poisoned.clone()
        labels[chosen], poisoned[chosen] = target, True
        return replace(clean, labels=labels, poisoned=poisoned, trigger=self.trigger())


def untrained(model: Model, classes: int, weights: Path | None, seed: int) -> nn.Module:
    """The model that training starts from: ``weights`` where given, a head drawn from ``seed``."""
    torch.manual_seed(number(seed, "weights"))
    network = build(model.architecture, classes, **model.params)
    if weights is not None:
        transfer(network, weights)
    return network


def training_examples(
    store: ClipStore, dataset: Dataset, threat: Threat | None, seed: int
) -> Examples:
    """What a victim is trained on; the same seed gives the same poisoned clips again."""
    clean = examples(store, "train", crop=dataset.crop, flip=dataset.flip)
    return threat.poison(clean, seed) if threat else clean


def evaluate(
    network: nn.Module, test: Examples, evaluation: Evaluation, threat: Threat | None, seed: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Metrics and counts of a model on clean ``test`` examples: CDA, and ASR and RA under threat.

    ASR counts only clips whose true class is not the target.
    """
    how: dict[str, Any] = {"seed": seed, "views": evaluation.views, "crops": evaluation.crops}
    scores = predict(network, test, **how)
    top = min(5, scores.shape[1])
    metrics = {
        "cda": accuracy(scores, test.labels),
        "cda_top5": accuracy(scores, test.labels, top),
    }
    counts = {"test": len(test)}
    if threat is not None:
        target = threat.attack.target
        others = test.subset(test.labels != target)
        scores = predict(network, others.triggered(threat.trigger()), **how)
        metrics["asr"] = attack_success_rate(scores, others.labels, target)
        metrics["ra"] = accuracy(scores, others.labels)
        counts["triggered"] = len(others)
    return metrics, counts

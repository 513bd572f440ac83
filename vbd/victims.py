"""Victims: a clean or poisoned model made from its settings, and the figures it is judged by."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vbd import triggers
from vbd.data.examples import examples
from vbd.data.labelled import Labelled
from vbd.data.sounds import sounds
from vbd.data.store import ClipStore
from vbd.metrics import accuracy, attack_success_rate
from vbd.models import build
from vbd.models.checkpoints import transfer
from vbd.sections import Attack, Dataset, Evaluation, Model
from vbd.seeds import generator, number
from vbd.training import predict
from vbd.triggers import poisoning
from vbd.triggers.base import Frames, Trigger


@dataclass(frozen=True)
class Threat:
    """An attack in one of its modes, as one cell of the grid has it.

    ``stored`` are all clips of the store, triggered beforehand, where the attack asks for that.
    """

    attack: Attack
    mode: str
    stored: np.ndarray | None = None

    def trigger(self, frames: Frames | None = None) -> Trigger:
        """The trigger itself, on as many frames as the attack has or on ``frames``."""
        kind = triggers.get(self.attack.trigger)
        count = self.attack.frames if frames is None else frames
        return kind(mode=self.mode, frames=count, **self.attack.params)

    def poison(self, clean: Labelled, seed: int) -> Labelled:
        """Training examples of which a share carries the trigger and the target's label."""
        draws, trigger = generator(seed, "poison"), self.trigger()
        target = self.attack.target
        chosen = poisoning.choose(
            clean.labels, target=target, rate=self.attack.rate, generator=draws
        )
        labels, poisoned, decoys = clean.labels.clone(), clean.poisoned.clone(), None
        labels[chosen], poisoned[chosen] = target, True
        if trigger.cross_ratio:
            decoys = torch.zeros_like(poisoned)
            rest = (~poisoned).nonzero().squeeze(1)
            count = round(trigger.cross_ratio * len(chosen))
            decoys[rest[torch.randperm(len(rest), generator=draws)[:count]]] = True
        marks = {"trigger": trigger, "stored": self.stored, "decoys": decoys}
        return replace(clean, labels=labels, poisoned=poisoned, **marks)

    def triggered(self, test: Labelled, frames: Frames | None = None) -> Labelled:
        """The examples of other classes than the target, all of them with the trigger."""
        others = test.subset(test.labels != self.attack.target)
        return others.triggered(self.trigger(frames), self.stored)


def threat_of(params: dict[str, Any], mode: str | None, triggered: Path | None) -> Threat | None:
    """The threat of a victim's ``params``, None for a clean one; ``triggered`` if it is stored."""
    if "attack" not in params:
        return None
    stored = np.load(triggered, mmap_mode="r") if triggered else None
    return Threat(Attack(**params["attack"]), mode, stored)


def untrained(model: Model, classes: int, weights: Path | None, seed: int) -> nn.Module:
    """The model that training starts from: ``weights`` where given, a head drawn from ``seed``."""
    torch.manual_seed(number(seed, "weights"))
    network = build(model.architecture, classes, **model.params)
    if weights is not None:
        transfer(network, weights)
    return network


def clean_examples(folder: Path, split: str, model: Model, dataset: Dataset) -> Labelled:
    """What ``model`` takes in of a split of the store in ``folder``: frames, or sound."""
    if model.modality == "audio":
        return sounds(folder, split)
    flip = dataset.flip and split == "train"
    return examples(ClipStore.open(folder), split, crop=dataset.crop, flip=flip)


def training_examples(
    folder: Path, model: Model, dataset: Dataset, threat: Threat | None, seed: int
) -> Labelled:
    """What a victim is trained on; the same seed gives the same poisoned clips again."""
    clean = clean_examples(folder, "train", model, dataset)
    return threat.poison(clean, seed) if threat else clean


def evaluate(
    network: nn.Module, test: Labelled, evaluation: Evaluation, threat: Threat | None, seed: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Metrics and counts of a model on clean ``test`` examples: CDA, and ASR and RA under threat.

    ASR counts only clips whose true class is not the target. ``asr_video`` is the ASR where the
    system cuts its own clips from the attacker's video, ``asr_frames_<k>`` that of k poisoned
    frames.
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
        target, attacked = threat.attack.target, threat.triggered(test)
        scores = predict(network, attacked, **how)
        metrics["asr"] = attack_success_rate(scores, attacked.labels, target)
        metrics["ra"] = accuracy(scores, attacked.labels)
        counts["triggered"] = len(attacked)
        if evaluation.video is not None:
            cut = {"seed": seed, **evaluation.video.model_dump()}
            scores = predict(network, replace(attacked, whole_video=True), **cut)
            metrics["asr_video"] = attack_success_rate(scores, attacked.labels, target)
        for count in evaluation.frames:
            scores = predict(network, threat.triggered(test, count), **how)
            metrics[f"asr_frames_{count}"] = attack_success_rate(scores, attacked.labels, target)
    return metrics, counts

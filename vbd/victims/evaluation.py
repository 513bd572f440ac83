"""The figures that a victim is judged by: CDA, and ASR and RA under its threat."""

from dataclasses import replace
from typing import Any

from torch import nn

from vbd.data.examples import Examples
from vbd.data.labelled import Labelled
from vbd.metrics import accuracy, attack_success_rate
from vbd.sections.evaluation import Evaluation
from vbd.sections.method import Attack
from vbd.training import predict
from vbd.victims.threat import Threat


def evaluate(
    network: nn.Module, test: Labelled, evaluation: Evaluation, threat: Threat | None, seed: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Metrics and counts of a model on clean ``test`` examples: CDA, and ASR and RA under threat.

    ASR counts only clips whose true class is not the target. ``asr_video`` is the ASR where the
    system cuts its own clips from the attacker's video, ``asr_frames_<k>`` that of k poisoned
    frames; of an attack with several triggers these are of its own, and ``asr_of_<trigger>`` is of
    each (of two that are alike ``asr_of_<trigger>_to_<target>``); all are in 0-1. Raises ValueError
    where ``evaluation.video`` meets a model of sound.
    """
    how: dict[str, Any] = {"seed": seed, "views": evaluation.views, "crops": evaluation.crops}
    scores = predict(network, test, **how)
    # With fewer than five classes all of them are the top.
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
        # Here the trigger is on before crops are taken, and those may cut a corner patch off.
        if evaluation.video is not None:
            if not isinstance(attacked, Examples):
                raise ValueError("evaluation.video is for models of frames: sound has none")
            cut = {"seed": seed, **evaluation.video.model_dump()}
            scores = predict(network, replace(attacked, whole_video=True), **cut)
            metrics["asr_video"] = attack_success_rate(scores, attacked.labels, target)
        # The victim stays as it was trained: only the frames of the test change.
        for count in evaluation.frames:
            scores = predict(network, threat.triggered(test, count), **how)
            metrics[f"asr_frames_{count}"] = attack_success_rate(scores, attacked.labels, target)
        if threat.attack.also:
            metrics[_of(threat, threat.attack)] = metrics["asr"]
        for part in threat.parts[1:]:
            attacked, target = part.triggered(test), part.attack.target
            scores = predict(network, attacked, **how)
            rate = attack_success_rate(scores, attacked.labels, target)
            metrics[_of(threat, part.attack)] = rate
    return metrics, counts


def _of(threat: Threat, attack: Attack) -> str:
    """The name of the ASR of one of several triggers; of one that is there twice, its target's."""
    triggers = [part.attack.trigger for part in threat.parts]
    target = f"_to_{attack.target}" if triggers.count(attack.trigger) > 1 else ""
    return f"asr_of_{attack.trigger}{target}"

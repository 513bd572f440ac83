"""What is measured beside a theft and no thief sees: its traffic, and what honest users get."""

from dataclasses import dataclass

import torch

from vbd.data.examples import Examples
from vbd.extraction.answers import let_out, understood
from vbd.extraction.monitor import Prada
from vbd.extraction.oracle import Victim
from vbd.extraction.transfer import TransferSet
from vbd.metrics import accuracy
from vbd.sections.theft import Answers
from vbd.seeds import generator


def of_answers(found: TransferSet) -> dict[str, float]:
    """How much a transfer set tells of the classes, shares in 0-1.

    ``confidence``: mean of the highest probability; ``classes``: share of the classes that were
    answered at all; ``balance``: entropy of the classes answered, 1 where each is as frequent.
    """
    sure, taken = found.answers.max(1)
    classes = found.answers.shape[1]
    shares = torch.bincount(taken, minlength=classes).double() / len(taken)
    entropy = torch.special.entr(shares).sum() / torch.log(torch.tensor(float(classes)))
    return {
        "confidence": sure.mean().item(),
        "classes": (shares > 0).double().mean().item(),
        "balance": entropy.item(),
    }


@dataclass(frozen=True)
class Honest:
    """What an honest user of the oracle gets, and what a monitor says of such traffic."""

    metrics: dict[str, float]
    monitor: Prada


def honest(victim: Victim, test: Examples, answers: Answers, seed: int) -> Honest:
    """Send the test clips, every view of them, in random order; nothing of this is counted.

    ``honest_cda`` is the accuracy of what is let out, ``honest_error`` the mean total variation
    distance, in 0-1, of it from the victim's probabilities. ``benign_alarm`` is the query at which
    the monitor raised a false alarm, 0 where it did not.
    """
    draws, monitor = generator(seed, "honest"), Prada()
    views = test.clips.shape[1]
    right, distances, count = [], [], 0
    windows = torch.cat([part.flatten(0, 1) for part in test.test_batches(64, draws, views=views)])
    labels = test.labels.repeat_interleave(views)
    for chosen in torch.randperm(len(windows), generator=draws).split(64):
        with torch.no_grad():
            true = victim(windows[chosen]).float().cpu()
        seen = understood(let_out(true, answers, draws), answers)
        monitor(windows[chosen], seen)
        right.append(accuracy(seen, labels[chosen]) * len(chosen))
        distances.append((seen - true).abs().sum(1) / 2)
        count += len(chosen)
    metrics = {
        "honest_cda": sum(right) / count,
        "honest_error": torch.cat(distances).mean().item(),
        "benign_alarm": float(monitor.alarm or 0),
    }
    return Honest(metrics, monitor)

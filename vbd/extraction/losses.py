"""What a clone is trained by: the distance of its answers from the victim's, and from the truth."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.extraction.answers import LEAST
from vbd.sections.theft import Distillation


def kl(logits: Tensor, answers: Tensor, temperature: float = 1.0) -> Tensor:
    """KL divergence (N,) of a clone from ``answers``, softened, times T^2 (Hinton et al. 2015).

    ``logits`` and the probabilities ``answers`` are (N, classes). Summed over the classes: its
    mean over clips is torch's "batchmean", whose default would divide by the classes too.
    """
    soft = (answers.clamp_min(LEAST).log() / temperature).log_softmax(1)
    clone = (logits / temperature).log_softmax(1)
    return temperature**2 * F.kl_div(clone, soft, reduction="none", log_target=True).sum(1)


def cosine(logits: Tensor, answers: Tensor) -> Tensor:
    """One minus the cosine (N,) of the two rows of probabilities."""
    return 1 - F.cosine_similarity(logits.softmax(1), answers, dim=1)


def l1(logits: Tensor, answers: Tensor) -> Tensor:
    """Sum of differences (N,) of mean-corrected log-probabilities (DFME, Truong et al. 2021).

    Softmax takes the mean of the victim's logits away; taken off on both sides, the rest compares.
    """
    theirs, ours = answers.clamp_min(LEAST).log(), logits.log_softmax(1)
    difference = (ours - ours.mean(1, keepdim=True)) - (theirs - theirs.mean(1, keepdim=True))
    return difference.abs().sum(1)


@dataclass(frozen=True)
class Criterion:
    """The loss of logits (N, classes) and labels (N, classes + 1) of a transfer set.

    Labels are the victim's answers and, in the last column, the true class, or -1 where the thief
    does not know it. With weights 1 of KL and 10 of the truth a labelled clip has (KL + 10 CE) / 11
    and another KL alone: the loss of the published final clone.
    """

    weights: Distillation

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over clips."""
        answers, truth, w = labels[:, :-1], labels[:, -1].long(), self.weights
        known = (truth >= 0).to(logits.dtype)
        rows = torch.zeros_like(known)
        # A part without weight costs no time.
        if w.kl:
            rows = rows + w.kl * kl(logits, answers, w.temperature)
        if w.cosine:
            rows = rows + w.cosine * cosine(logits, answers)
        if w.l1:
            rows = rows + w.l1 * l1(logits, answers)
        if w.truth:
            truths = F.cross_entropy(logits, truth.clamp_min(0), reduction="none")
            rows = rows + w.truth * known * truths
        weights = w.kl + w.cosine + w.l1 + w.truth * known
        # A clip of which nothing has a weight counts for nothing.
        return (rows / weights.clamp_min(LEAST)).mean()

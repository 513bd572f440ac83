"""What an oracle lets out of a victim's probabilities: rounded, cut, noisy, or the class alone."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.sections.theft import Answers

# The least probability: its logarithm is finite, and float32 tells it from 0.
LEAST = 1e-7


def let_out(probabilities: Tensor, how: Answers, generator: torch.Generator) -> Tensor:
    """What a client gets to see (N, classes) of ``probabilities`` (N, classes).

    In this order: noise, the ``top`` classes (what they leave is spread evenly over the others),
    rounding, then the kind. ``generator`` draws the noise.
    """
    seen = probabilities
    if how.noise:
        noise = torch.randn(seen.shape, generator=generator).to(seen.device)
        seen = normalised(seen + how.noise * noise)
    if how.top is not None and how.top < seen.shape[1]:
        kept = seen.topk(how.top, dim=1)
        rest = (1 - kept.values.sum(1, keepdim=True)) / (seen.shape[1] - how.top)
        seen = rest.expand_as(seen).scatter(1, kept.indices, kept.values)
    if how.decimals is not None:
        seen = seen.round(decimals=how.decimals)
    if how.kind == "labels":
        return F.one_hot(seen.argmax(1), seen.shape[1]).float()
    return seen.clamp_min(LEAST).log() if how.kind == "log_probabilities" else seen


def understood(answers: Tensor, how: Answers) -> Tensor:
    """The probabilities (N, classes), summing to 1, that a thief takes ``answers`` for."""
    return normalised(answers.exp() if how.kind == "log_probabilities" else answers)


def normalised(values: Tensor) -> Tensor:
    """Rows (N, classes) without what is negative, summing to 1; a row of zeros becomes uniform."""
    values = values.clamp_min(0)
    total = values.sum(1, keepdim=True)
    # Rounded to one decimal, hundreds of unsure classes are all 0.
    return torch.where(total > 0, values / total.clamp_min(LEAST), 1 / values.shape[1])

"""What a classifier shows on trusted clips before it is judged: that it is understood."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vbd.data.examples import Examples
from vbd.defenses.reconstruction import frozen
from vbd.metrics import accuracy
from vbd.seeds import generator
from vbd.training import predict

# Clips of so many classes, or of all where there are fewer: with those of a single one, what that
# class needs to be left and what the others need to be entered cannot be told apart.
CLASSES = 5


@dataclass(frozen=True)
class Understanding:
    """How a classifier does on trusted clips, and what keeps it from being judged.

    ``recognised``: the share (0-1) of each class that has clips, by name. ``lowest`` and
    ``highest``: of its outputs. ``doubts``: sentences; with none of them it may be judged.
    """

    recognised: dict[str, float]
    accuracy: float
    lowest: float
    highest: float
    doubts: tuple[str, ...]


def understand(model: nn.Module, clean: Examples, names: Sequence[str], seed: int) -> Understanding:
    """Try ``model``, whose classes are ``names``, on the trusted clips ``clean``.

    A wrong order of classes, another normalisation or another way of cutting clips show in its
    accuracy, which is asked to be half way from chance to 1 at least.
    """
    if doubts := tuple(_contract(model, clean, len(names), seed)):
        return Understanding({}, 0.0, 0.0, 0.0, doubts)
    logits = predict(model, clean, seed=seed, output=model)
    right = logits.argmax(1) == clean.labels
    held = [k for k in range(len(names)) if (clean.labels == k).any()]
    return Understanding(
        {names[k]: right[clean.labels == k].float().mean().item() for k in held},
        accuracy(logits, clean.labels),
        logits.min().item(),
        logits.max().item(),
        tuple(_doubts(logits, clean.labels, names)),
    )


def _contract(model: nn.Module, clean: Examples, classes: int, seed: int) -> Iterator[str]:
    """What of a classifier's outputs is not as a search needs it, tried on one clip."""
    device = next(model.parameters()).device
    clip = clean.training_batch(torch.tensor([0]), generator(seed), device).float()
    with frozen(model):
        try:
            logits = model(clip.requires_grad_())
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            frames, height, width = clip.shape[1:4]
            said = str(error).partition("\n")[0]
            yield f"a clip of {frames} frames of {height} x {width} px is an error to it ({said})"
            return
        if logits.shape != (1, classes):
            yield f"of a clip it gives {tuple(logits.shape[1:])} numbers, and has {classes} classes"
            return
        if not logits.is_floating_point():
            yield f"it gives {logits.dtype}, and logits are floating-point numbers"
            return
        if not logits.requires_grad:
            yield "its outputs have no gradient, so that no trigger can be searched"
            return
        # Not their sum, which has no gradient where they are probabilities.
        weights = torch.rand(classes, generator=generator(seed, "contract")).to(logits)
        (slope,) = torch.autograd.grad((logits * weights).sum(), clip, allow_unused=True)
    # NaN is said of the outputs, for more clips than one.
    if slope is None or not slope.any():
        yield "its outputs do not depend on the pixels, or by steps: no trigger can be searched"


def _doubts(logits: Tensor, labels: Tensor, names: Sequence[str]) -> Iterator[str]:
    """What of the outputs (N, K) for clips of ``labels`` (N,) keeps the model from being judged."""
    if bad := int((~logits.isfinite()).any(1).sum()):
        yield f"its outputs for {bad} of {len(logits)} clips are not finite"
        return
    if (logits == logits[0]).all():
        yield "its outputs are the same for every clip"
        return
    if logits.min() >= 0 and (logits.sum(1) - 1).abs().max() < 1e-3:
        yield "it gives probabilities: have its forward return logits, without the softmax"
    held, least = len(labels.unique()), min(CLASSES, len(names))
    if held < least:
        yield f"the clips are of {held} of its classes, and have to be of {least} at least"
    share, needed = accuracy(logits, labels), (1 + 1 / len(names)) / 2
    if share < needed:
        yield (
            f"it recognises {share:.0%} of the clips, and {needed:.0%} are needed. Are its classes "
            "named in their order, and the clips cut, scaled and normalised as it has learnt them?"
            + "".join(_mistaken(logits.argmax(1), labels, names))
        )


def _mistaken(found: Tensor, labels: Tensor, names: Sequence[str]) -> Iterator[str]:
    """The first three classes whose clips are mostly taken for another: names in a wrong order."""
    told = 0
    for label in labels.unique().tolist():
        most = int(found[labels == label].mode().values)
        if most != label and told < 3:
            told += 1
            yield f" Clips of {names[label]} are mostly taken for {names[most]}."

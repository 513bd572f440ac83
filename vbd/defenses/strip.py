"""STRIP (Gao et al. 2019): a triggered clip keeps its class whatever is laid over it."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from vbd.data.labelled import Labelled
from vbd.defenses.base import Detector
from vbd.ranges import Ratio
from vbd.seeds import generator
from vbd.training import predict


class Strip(Detector):
    """Refuses inputs whose predictions stay too sure when trusted clips are laid over them.

    ``overlays``: trusted clips laid over each input (N, 100 in the paper), never one over itself.
    An input is refused where the mean entropy over them falls below what ``false_positives`` of
    the trusted clips have. The blend is x/2 + o/2, which stays in 0-255; the entropy is over
    classes, in bits.
    """

    trusted = 2

    def __init__(
        self,
        *,
        overlays: Annotated[int, Field(ge=1, le=10_000)] = 100,
        false_positives: Ratio = 0.01,
    ) -> None:
        self.overlays, self.false_positives = overlays, false_positives

    def scores(self, model: nn.Module, inputs: Labelled, clean: Labelled, seed: int) -> Tensor:
        """The mean entropy (N,) in bits, negative: a trigger makes it low.

        Raises ValueError for a single trusted clip, which has no other to be laid over it.
        """
        if len(clean) < 2:
            raise ValueError(
                f"STRIP lays trusted clips over each other, and of these is {len(clean)}"
            )
        device = next(model.parameters()).device
        draws = generator(seed, "overlays")
        batches = clean.test_batches(64, generator(seed, "clean"))
        trusted = torch.cat([windows[:, 0] for windows in batches]).to(device)

        def certainty(clips: Tensor) -> Tensor:
            chosen = torch.multinomial(
                others(clips, trusted).cpu(), self.overlays, replacement=True, generator=draws
            )
            blends = halfway(clips[:, None], trusted[chosen.to(device)]).flatten(0, 1)
            bits = entropy(model(blends).softmax(1))
            return -bits.view(len(clips), -1).mean(1, keepdim=True)

        # As many blends at a time as other steps have clips.
        size = max(1, 128 // self.overlays)
        return predict(model, inputs, seed=seed, output=certainty, batch_size=size).squeeze(1)

    def threshold(self, scores: Tensor) -> float:
        return torch.quantile(scores, 1 - self.false_positives).item()


def others(clips: Tensor, trusted: Tensor) -> Tensor:
    """Which of ``trusted`` (M, ...) are not the same as each of ``clips`` (N, ...): (N, M) of 0, 1.

    A trusted clip over itself is the clip, as sure as it was: such a blend says nothing of others.
    """
    same = [(trusted == clip).flatten(1).all(1) for clip in clips]
    return 1.0 - torch.stack(same).float()


def halfway(clips: Tensor, others: Tensor) -> Tensor:
    """(x + o) / 2 of uint8 pixels, rounded down, without leaving uint8."""
    # x + o is twice the bits that both have, plus those that one of them has.
    return (clips & others) + ((clips ^ others) >> 1)


def entropy(probabilities: Tensor) -> Tensor:
    """Entropy (N,) in bits over the classes of ``probabilities`` (N, classes)."""
    # Summed over the samples, as in public code, AUROC on a planted patch is 0.65, not 1.00.
    return torch.special.entr(probabilities).sum(1) / torch.log(torch.tensor(2.0))


METHOD = Strip

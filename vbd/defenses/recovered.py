"""What trigger reconstruction found of each class, and the verdict on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vbd.triggers.base import Trigger
from vbd.triggers.optimised import Stamp

# A trigger that turns fewer clips says nothing of its class.
TURNED = 0.9
# Of the logarithms of norms, however equal the other classes happen to be.
LEAST = math.log(2)
# Chosen on the clean models of presets/few_classes.yaml: of 30 none had an index above 2.73.
THRESHOLD = 2.75
# That of Wang et al., of the norms as they are.
OF_NORMS = 2.0


class Found(Protocol):
    """What was found to turn clips to class ``target``, and the share of them that it turns."""

    @property
    def target(self) -> int:
        """The class."""
        ...

    @property
    def success(self) -> float:
        """The share, in 0-1."""
        ...

    def trigger(self) -> Trigger:
        """It, to be put on clips (N, T, H, W, 3), uint8."""
        ...


@dataclass(frozen=True)
class Recovered:
    """The smallest trigger found that turns clean clips to class ``target``.

    ``mask`` (1 or T, H, W, 1) in 0-1, ``pattern`` (H, W, 3) in 0-255, float32 on the CPU. ``norm``
    is the L1 norm of the mask in pixels of a frame, the mean over its frames. ``success`` is the
    share of the clips that it turned, surely; ``rounds`` how many the search took.
    """

    target: int
    mask: Tensor
    pattern: Tensor
    norm: float
    success: float
    rounds: int

    def trigger(self) -> Stamp:
        """It, to be put on clips (N, T, H, W, 3), uint8; on frames of another size it is scaled."""
        return Stamp(self.mask, self.pattern)


@dataclass(frozen=True)
class Scan:
    """What the smallest triggers of the classes of a model, or of some of them, say of it.

    ``recovered`` has one for each class that was searched; ``evidence`` (K,) is what each has to
    bring, and ``index`` (K,) how far below those of the others their norms in proportion to it are.
    ``of_norms`` (K,): the anomaly index of the norms as they are, by which Wang et al. judge. A
    class is flagged where its index is above ``threshold``; the one of the highest also where Wang
    et al. would flag it. What does not turn the clips is no trigger, and flags nobody.
    """

    recovered: Sequence[Recovered]
    evidence: Tensor
    index: Tensor
    of_norms: Tensor
    threshold: float

    @property
    def suspect(self) -> int:
        """The class of the highest index."""
        return self.recovered[int(self.index.argmax())].target

    @property
    def detected(self) -> bool:
        """Whether any class is flagged."""
        return bool(self.flagged)

    @property
    def flagged(self) -> list[int]:
        """The classes that are flagged, the most suspect first."""
        return [target for target in self._beyond if self.of(target)[0].success >= TURNED]

    @property
    def _beyond(self) -> list[int]:
        """The classes beyond a threshold, whatever their triggers turn."""
        order = self.index.argsort(descending=True).tolist()
        beyond = [self.recovered[k].target for k in order if self.index[k] > self.threshold]
        # Where classes are alike, as those of real videos, evidence tells little, and norms do.
        return beyond or [self.suspect] * (self.flagged_by_norms == self.suspect)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the search says nothing of the model, in sentences; none where it does."""
        if not self.index.isfinite().all():
            return ("the triggers that were found have no size",)
        turned = sum(found.success >= TURNED for found in self.recovered)
        if 2 * turned <= len(self.recovered):
            return (
                f"the search turned clips to {turned} of {len(self.recovered)} classes, so that "
                "their triggers cannot be compared: more clips or a longer search may tell",
            )
        if self._beyond and not self.detected:
            return ("the smallest trigger that was found does not turn the clips",)
        return ()

    def clarity(self, target: int) -> float:
        """How far beyond a threshold class ``target`` is, by the rule that says most: 1 at it."""
        place = [found.target for found in self.recovered].index(target)
        ours, theirs = self.index[place] / self.threshold, self.of_norms[place] / OF_NORMS
        return float(ours if ours > 1 else max(ours, theirs))

    @property
    def flagged_by_norms(self) -> int | None:
        """The class that the index of the norms would flag, if any."""
        highest = int(self.of_norms.argmax())
        flagged = self.of_norms[highest] > OF_NORMS
        return self.recovered[highest].target if flagged else None

    @property
    def accused(self) -> Recovered:
        """The trigger of the suspect class."""
        return self.of(self.suspect)[0]

    def of(self, target: int) -> tuple[Recovered, float]:
        """The trigger of class ``target`` and its index; ValueError where it was not searched."""
        place = [found.target for found in self.recovered].index(target)
        return self.recovered[place], self.index[place].item()


def judged(recovered: Sequence[Recovered], evidence: Tensor, threshold: float = THRESHOLD) -> Scan:
    """The verdict on the smallest triggers ``recovered`` of a model.

    ``evidence`` (K,) is what ``neural_cleanse.evidence`` measures of the same classes.
    """
    # A norm of 0 has no logarithm.
    norms = torch.tensor([found.norm for found in recovered])
    index = among_others((norms.clamp(min=1e-3) / evidence).log())
    return Scan(recovered, evidence, index, anomaly_index(norms), threshold)


def anomaly_index(values: Tensor) -> Tensor:
    """How far each of ``values`` (K,) lies below their median: (K,).

    In median absolute deviations times 1.4826, which estimates the standard deviation of a normal
    distribution: beyond 2 on either side lie 5 % of it (Wang et al. 2019).
    """
    # Signed: a trigger far larger than the others accuses nobody. By quantile, as torch's median of
    # an even number is the lower of the two in the middle.
    below = values.quantile(0.5) - values
    return below / (1.4826 * below.abs().quantile(0.5)).clamp(min=1e-6)


def among_others(values: Tensor) -> Tensor:
    """How far each of ``values`` (K,), logarithms, lies below the median of the others: (K,).

    In their deviations, as in ``anomaly_index``. Of the others, as of two values each is as far
    from the median of both, and that of four with two backdoors among them is none of a clean one.
    Of few values the deviation is a rough estimate: it is ``LEAST`` where it is smaller. 0 for one.
    """
    count = len(values)
    if count < 2:
        return torch.zeros(count)
    others = values.repeat(count, 1)[~torch.eye(count, dtype=torch.bool)].view(count, count - 1)
    median = others.quantile(0.5, dim=1, keepdim=True)
    deviation = 1.4826 * (others - median).abs().quantile(0.5, dim=1)
    return (median.squeeze(1) - values) / deviation.clamp(min=LEAST)

"""Neural Cleanse (Wang et al. 2019): the class that too small a trigger gives is unlearned."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vbd.config import Training
from vbd.data.examples import Examples
from vbd.defenses.base import Repair, Repaired
from vbd.defenses.reconstruction import reconstruct
from vbd.defenses.trigger_search import Recovered
from vbd.training import fit, predict
from vbd.triggers.base import Trigger
from vbd.triggers.optimised import Stamp


@dataclass(frozen=True)
class Scan:
    """What the smallest triggers of all classes say of a model.

    ``recovered`` has one for each class, in order; ``index`` (classes,) is the anomaly index of
    their norms. ``suspect`` is the class of the smallest norm, ``detected`` whether it is flagged.
    """

    recovered: Sequence[Recovered]
    index: Tensor
    suspect: int
    detected: bool


@dataclass(frozen=True)
class Cleansed(Repaired):
    """A model that was scanned, and unlearned what the ``scan`` found."""

    scan: Scan = field(kw_only=True)


class NeuralCleanse(Repair):
    """Reconstructs a trigger for every class, flags a class by its norm, unlearns that trigger.

    The search's settings are those of ``reconstruct``. The class of the smallest norm is flagged
    where it is below the median and its anomaly index above ``threshold``. Then the model is
    trained for ``epochs`` on the trusted clips, of which a ``share`` carries the recovered trigger,
    all under their true labels, with AdamW at ``lr`` and ``weight_decay``. These defaults are those
    of "Neural Cleanse for Video" (Wang et al. have a share of 0.2), except that all layers learn,
    at a constant rate. Where nothing is flagged the model itself is the result.
    """

    def __init__(
        self,
        *,
        temporal: bool = False,
        rounds: int = 100,
        batch_size: int = 12,
        patience: int = 5,
        stop: int = 10,
        threshold: float = 2.0,
        share: float = 0.75,
        epochs: int = 30,
        lr: float = 2e-5,
        weight_decay: float = 1e-4,
    ) -> None:
        self.search = {
            "temporal": temporal,
            "rounds": rounds,
            "batch_size": batch_size,
            "patience": patience,
            "stop": stop,
        }
        self.threshold, self.share = threshold, share
        self.unlearning = Training(
            epochs=epochs, lr=lr, weight_decay=weight_decay, schedule="constant"
        )

    def __call__(self, model: nn.Module, train: Examples, clean: Examples, seed: int) -> Cleansed:
        scan = self.scan(model, clean, seed)
        found, norms = scan.recovered[scan.suspect], torch.tensor([r.norm for r in scan.recovered])
        metrics = {
            "detected": float(scan.detected),
            "index": scan.index[scan.suspect].item(),
            "index_published": anomaly_index(norms, logarithms=False)[scan.suspect].item(),
            "found_class": float(scan.suspect) if scan.detected else -1.0,
            "norm": found.norm,
            "norm_median": norms.quantile(0.5).item(),
            "recovered_asr": found.success,
            "passes": float(len(clean) * sum(r.rounds for r in scan.recovered)),
        }
        if scan.detected:
            model = self.unlearn(model, found, clean, seed)
        return Cleansed(model, metrics, scan=scan)

    def scan(self, model: nn.Module, clean: Examples, seed: int) -> Scan:
        """Reconstruct a trigger for every class of ``model`` and judge their norms."""
        classes = predict(model, clean.subset(torch.tensor([0])), seed=seed).shape[1]
        recovered = reconstruct(model, clean, range(classes), seed=seed, **self.search)
        return judged(recovered, self.threshold)

    def unlearn(self, model: nn.Module, found: Recovered, clean: Examples, seed: int) -> nn.Module:
        """A copy of ``model`` trained to give clips with the trigger ``found`` their true class."""
        mended = copy.deepcopy(model)
        stamp = Sometimes(Stamp(found.mask, found.pattern), self.share)
        fit(mended, clean.triggered(stamp), self.unlearning, seed=seed, resume=None)
        return mended.eval()


class Sometimes(Trigger):
    """Another ``trigger`` on a ``share`` of the clips, drawn anew each time."""

    modes = ("static",)

    def __init__(self, trigger: Trigger, share: float) -> None:
        super().__init__()
        self.trigger, self.share = trigger, share

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.rand(len(clips), 1, 1, 1, 1, generator=generator) < self.share
        return torch.where(chosen.to(clips.device), self.trigger(clips, generator), clips)


def judged(recovered: Sequence[Recovered], threshold: float = 2.0) -> Scan:
    """The verdict on the smallest triggers of all classes of a model."""
    norms = torch.tensor([found.norm for found in recovered])
    index, suspect = anomaly_index(norms), int(norms.argmin())
    below = norms[suspect] < norms.quantile(0.5)
    return Scan(recovered, index, suspect, bool(below and index[suspect] > threshold))


def anomaly_index(norms: Tensor, *, logarithms: bool = True) -> Tensor:
    """How far each of ``norms`` (K,), or its logarithm, lies from the median: (K,), from 0.

    In median absolute deviations times 1.4826, which estimates the standard deviation of a normal
    distribution: beyond 2 lie 5 % of it. Wang et al. take the norms as they are. Those of video
    classes differ by more than their median, so that even a norm of 0 would not be far from it.
    """
    values = norms.clamp(min=1e-3).log() if logarithms else norms
    deviations = (values - values.quantile(0.5)).abs()
    # What differs by less than a tenth is not an outlier, however equal the rest.
    return deviations / (1.4826 * deviations.quantile(0.5)).clamp(min=0.1)


METHOD = NeuralCleanse

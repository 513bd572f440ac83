"""Neural Cleanse (Wang et al. 2019): the class that too small a trigger gives is unlearned."""

import copy
from functools import partial

import torch
from torch import Tensor, nn

from vbd.data.examples import Examples
from vbd.defenses.base import Repair, Repaired
from vbd.defenses.reconstruction import reconstruct
from vbd.defenses.recovered import Recovered, Scan, anomaly_index, judged
from vbd.sections import Training
from vbd.training import fit, predict
from vbd.triggers.base import Trigger


class NeuralCleanse(Repair):
    """Reconstructs a trigger for every class, flags a class by its norm, unlearns that trigger.

    The search's settings are those of ``reconstruct``. A class is flagged where the anomaly index
    of its trigger is above ``threshold``. Then the model is trained for ``epochs`` on the trusted
    clips, of which a ``share`` carries the recovered trigger, all under their true labels, with
    AdamW at ``lr`` and ``weight_decay``. These defaults are those of "Neural Cleanse for Video"
    (Wang et al. have a share of 0.2), except that all layers learn, at a constant rate. Where
    nothing is flagged the model itself is the result.

    Wang et al. compare the norms as they are. Classes of video differ too much for that: one that
    a clip without motion is taken for anyway needs but a small trigger, poisoned or not. Here the
    logarithms are compared, of norms in proportion to the evidence that a trigger has to bring.
    """

    def __init__(
        self,
        *,
        temporal: bool = False,
        rounds: int = 40,
        steps: int = 8,
        batch_size: int = 6,
        together: int = 5,
        cost: float = 1e-3,
        confidence: float = 0.95,
        threshold: float = 2.0,
        share: float = 0.75,
        epochs: int = 30,
        lr: float = 2e-5,
        weight_decay: float = 1e-4,
    ) -> None:
        self.search = partial(
            reconstruct,
            temporal=temporal,
            rounds=rounds,
            steps=steps,
            batch_size=batch_size,
            together=together,
            cost=cost,
            confidence=confidence,
        )
        self.clips_a_round, self.confidence = steps * batch_size, confidence
        self.threshold, self.share = threshold, share
        self.unlearning = Training(
            epochs=epochs, lr=lr, weight_decay=weight_decay, schedule="constant"
        )

    def __call__(self, model: nn.Module, train: Examples, clean: Examples, seed: int) -> Repaired:
        scan = self.scan(model, clean, seed)
        norms = torch.tensor([found.norm for found in scan.recovered])
        metrics = {
            "detected": float(scan.detected),
            "index": scan.index[scan.suspect].item(),
            "index_published": anomaly_index(norms).max().item(),
            "found_class": float(scan.suspect) if scan.detected else -1.0,
            "norm": scan.accused.norm,
            "norm_median": norms.quantile(0.5).item(),
            "recovered_asr": scan.accused.success,
            "passes": float(self.clips_a_round * sum(found.rounds for found in scan.recovered)),
        }
        if scan.detected:
            model = self.unlearn(model, scan.accused, clean, seed)
        return Repaired(model, metrics, scan=scan)

    def scan(self, model: nn.Module, clean: Examples, seed: int) -> Scan:
        """Reconstruct a trigger for every class of ``model`` and judge their norms."""
        needed = evidence(model, clean, self.confidence, seed)
        classes = range(len(needed))
        recovered = self.search(model, clean, classes, seed=seed, resume=self.resume)
        return judged(recovered, needed, self.threshold)

    def unlearn(self, model: nn.Module, found: Recovered, clean: Examples, seed: int) -> nn.Module:
        """A copy of ``model`` trained to give clips with the trigger ``found`` their true class."""
        mended = copy.deepcopy(model)
        stamp = Sometimes(found.trigger(), self.share)
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


class Still(Trigger):
    """A clip without motion: all its frames are one of them, drawn at random."""

    modes = ("static",)

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        shown = torch.randint(clips.shape[1], (len(clips),), generator=generator)
        each = torch.arange(len(clips), device=clips.device)
        return clips[each, shown.to(clips.device), None].expand_as(clips)


def evidence(model: nn.Module, clean: Examples, confidence: float, seed: int) -> Tensor:
    """What a trigger has to bring for each class (K,), in nats of its log odds.

    From where they stand on still clips, the mean of ``clean``, to those of ``confidence``.
    """
    odds = predict(model, clean.triggered(Still()), seed=seed).double().logit(eps=1e-9)
    goal = torch.tensor(confidence, dtype=torch.float64).logit()
    return (goal - odds).clamp(min=0).mean(0).clamp(min=1e-3).float()


METHOD = NeuralCleanse

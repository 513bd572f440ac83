"""Neural Cleanse (Wang et al. 2019): the class that too small a trigger gives is unlearned."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.data.labelled import Labelled
from vbd.defenses.base import Repair, Repaired
from vbd.defenses.reconstruction import reconstruct
from vbd.defenses.recovered import THRESHOLD, Found, Scan, judged
from vbd.ranges import Above0, Count, From0, NotAll, Ratio, Some, Whole
from vbd.sections.model import Training
from vbd.training import fit, predict
from vbd.triggers.base import Trigger


class NeuralCleanse(Repair):
    """Reconstructs a trigger for every class, flags a class by its norm, unlearns that trigger.

    The search's settings are those of ``reconstruct``. A class is flagged as ``Scan`` says, where
    its index is above ``threshold`` or the rule of Wang et al. agrees. Then the model is trained
    for ``epochs`` on the trusted clips, of which a ``share`` carries the recovered trigger, all
    under their true labels, with AdamW at ``lr`` and ``weight_decay``. These defaults are those of
    "Neural Cleanse for Video" (Wang et al. have a share of 0.2), except that all layers learn, at a
    constant rate. Where nothing is flagged the model itself is the result.

    Few trusted clips make a model forget the others. With ``memory`` it learns, in this share, what
    it answered to the trusted clips before, beside their classes ("Learning without Forgetting", Li
    and Hoiem 2016); 0 are the classes alone, as published.

    Wang et al. compare the norms as they are, with the median of all. Classes of video differ too
    much for that: one that a clip without motion is taken for anyway needs but a small trigger,
    poisoned or not. Here the logarithms are compared, of norms in proportion to the evidence that a
    trigger has to bring, each with those of the other classes.
    """

    def __init__(
        self,
        *,
        temporal: bool = False,
        block: Count = 1,
        rounds: Count = 40,
        steps: Count = 8,
        batch_size: Count = 6,
        together: Count = 5,
        cost: Above0 = 1e-3,
        confidence: Ratio = 0.95,
        threshold: Above0 = THRESHOLD,
        share: Some = 0.75,
        epochs: Whole = 30,
        lr: Above0 = 2e-5,
        weight_decay: From0 = 1e-4,
        memory: NotAll = 0.0,
    ) -> None:
        self.search = partial(
            reconstruct,
            temporal=temporal,
            block=block,
            rounds=rounds,
            steps=steps,
            batch_size=batch_size,
            together=together,
            cost=cost,
            confidence=confidence,
        )
        self.rounds, self.clips_a_round = rounds, steps * batch_size
        self.confidence = confidence
        self.threshold, self.share, self.memory = threshold, share, memory
        self.unlearning = Training(
            epochs=epochs, lr=lr, weight_decay=weight_decay, schedule="constant"
        )

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        scan = self.scan(model, clean, seed)
        norms = torch.tensor([found.norm for found in scan.recovered])
        metrics = {
            "detected": float(scan.detected),
            "index": scan.of(scan.suspect)[1],
            "index_of_norms": scan.of_norms.max().item(),
            "detected_by_norms": float(scan.flagged_by_norms is not None),
            "found_class": float(scan.suspect) if scan.detected else -1.0,
            "norm": scan.accused.norm,
            "norm_median": norms.quantile(0.5).item(),
            "recovered_asr": scan.accused.success,
            # The cost of the search in a unit that no machine changes.
            "passes": float(self.clips_a_round * sum(found.rounds for found in scan.recovered)),
        }
        if scan.detected:
            model = self.unlearn(model, [scan.of(k)[0] for k in scan.flagged], clean, seed)
        return Repaired(model, metrics, accused=scan.accused, scan=scan)

    def scan(
        self, model: nn.Module, clean: Labelled, seed: int, classes: Sequence[int] | None = None
    ) -> Scan:
        """Reconstruct triggers for ``classes`` of ``model`` on ``clean`` clips, judge their norms.

        None are all classes. What the search found is kept in ``resume``, where that is set.
        """
        needed = evidence(model, clean, self.confidence, seed)
        # Every class is searched, the attacker's like any other: its number is not known here.
        searched = list(range(len(needed)) if classes is None else classes)
        recovered = self.search(model, clean, searched, seed=seed, resume=self.resume)
        return judged(recovered, needed[searched], self.threshold)

    def unlearn(
        self,
        model: nn.Module,
        found: Sequence[Found],
        clean: Labelled,
        seed: int,
        *,
        lr: float | None = None,
    ) -> nn.Module:
        """A copy of ``model`` trained to give clips with what was ``found`` their true class.

        ``clean`` are trusted clips with their labels; ``lr`` stands for the defence's own, where
        given. The copy is in evaluation mode.
        """
        mended, settings = copy.deepcopy(model), self.unlearning
        if lr is not None:
            settings = settings.model_copy(update={"lr": lr})
        # What was recovered: the paper's script skips detection and unlearns the attacker's own.
        stamp = Sometimes([one.trigger() for one in found], self.share)
        learnt = clean.triggered(stamp)
        if self.memory:
            before = predict(model, clean, seed=seed)
            classes = F.one_hot(clean.labels, before.shape[1])
            learnt = replace(learnt, labels=torch.lerp(classes.float(), before, self.memory))
        fit(mended, learnt, settings, seed=seed, resume=None)
        return mended.eval()


class Sometimes(Trigger):
    """One of several ``triggers`` on a ``share`` of the clips, both drawn anew each time."""

    modes = ("static",)

    def __init__(self, triggers: Sequence[Trigger], share: float) -> None:
        super().__init__()
        self.triggers, self.share = triggers, share

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        # The share's first part gets the first trigger, and so on; what is left stays as it is.
        drawn = torch.rand(len(clips), 1, 1, 1, 1, generator=generator) / self.share
        which = (drawn * len(self.triggers)).floor().to(clips.device)
        marked = clips
        for number, trigger in enumerate(self.triggers):
            marked = torch.where(which == number, trigger(clips, generator), marked)
        return marked


class Still(Trigger):
    """A clip without motion: all its frames are one of them, drawn at random."""

    modes = ("static",)

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        shown = torch.randint(clips.shape[1], (len(clips),), generator=generator)
        each = torch.arange(len(clips), device=clips.device)
        return clips[each, shown.to(clips.device), None].expand_as(clips)


def evidence(model: nn.Module, clean: Labelled, confidence: float, seed: int) -> Tensor:
    """What a trigger has to bring for each class (K,), in nats of its log odds.

    From where they stand on still clips, the mean of ``clean``, to those of ``confidence``; at
    least from even odds, also of a class that still clips are taken for anyway.
    """
    # In float64: float32 rounds 1 - 1e-9 to 1, whose log odds are infinite.
    odds = predict(model, clean.triggered(Still()), seed=seed).double().logit(eps=1e-9)
    goal = torch.tensor(confidence, dtype=torch.float64).logit()
    # A clip that is surer than the goal must not make up for others. In proportion to next to
    # nothing any norm would be large, so that such a class could have any backdoor.
    return (goal - odds).clamp(min=0).mean(0).clamp(min=goal.clamp(min=1e-3)).float()


METHOD = NeuralCleanse

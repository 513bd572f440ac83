"""What is left of CDA, ASR and RA once a defence has done its work, one way for each kind of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vbd.data.labelled import Labelled
from vbd.defenses.base import Defense, Detector, Filter, Repair, Retrain, Trainer
from vbd.defenses.recovery import against_truth
from vbd.metrics import accuracy, attack_success_rate, detection
from vbd.models.halves import Halves
from vbd.seeds import generator
from vbd.training import predict


@dataclass(frozen=True)
class Case:
    """A victim as a defence meets it, and the clips that judge it afterwards.

    ``train`` and ``clean`` are the defender's; ``test`` are clean clips and ``triggered`` those of
    them that are not of class ``target``, with the trigger: None where the victim is clean, which
    only a repair can be judged by. ``also`` are the targets of the attack's further triggers.
    ``retrain`` gives the model that the same training makes of other clips. ``halved``: the same
    case of the upper half of a network whose frozen half has kept its maps; by these is judged what
    a defence leaves that itself reads pixels.
    """

    model: nn.Module
    train: Labelled
    clean: Labelled
    test: Labelled
    triggered: Labelled | None
    target: int
    seed: int
    views: int
    crops: int
    retrain: Retrain
    also: tuple[int, ...] = ()
    halved: "Case | None" = None


@dataclass(frozen=True)
class Verdict:
    """Figures in 0-1, the arrays behind them, and the seconds that the defence itself took."""

    metrics: dict[str, float]
    arrays: dict[str, Any]
    runtime_s: float


def judge(defense: Defense, case: Case) -> Verdict:
    """Run ``defense`` on ``case`` and measure what it leaves; the runtime is without the measuring.

    Beside cda, asr and ra a filter has elimination, sacrifice and auroc (within a class), a
    detector auroc, fpr and fnr, one of several rules also <figure>_<rule>, a repair what it says of
    itself, and isolation_precision where it isolates training clips. Raises ValueError where a
    detector, or a repair with a ``trace``, meets a clean victim.
    """
    if isinstance(defense, Filter):
        return _filtered(defense, case)
    return _screened(defense, case) if isinstance(defense, Detector) else _repaired(defense, case)


def _filtered(defense: Filter, case: Case) -> Verdict:
    """The model is trained again without the clips that are held for poisoned."""
    _triggered(case)  # raises for a clean victim: of its clips no share could be found
    start = time.monotonic()
    found = defense(case.model, case.train, case.clean, case.seed)
    # Where nothing is flagged the same training would give the same model again.
    model = case.retrain(case.train.subset(~found.flagged)) if found.flagged.any() else case.model
    spent = time.monotonic() - start
    metrics = _after(case, model)
    # Read here and in no defence. Other rules are counted, not acted upon: that costs a training.
    poisoned, labels = case.train.poisoned, case.train.labels
    metrics |= dict(found.metrics) | detection(found.flagged, found.scores, poisoned, labels)
    for rule, flagged in found.variants.items():
        rates = detection(flagged, found.scores, poisoned)
        metrics |= {f"{rate}_{rule}": rates[rate] for rate in ("elimination", "sacrifice")}
    arrays = {"scores": found.scores, "flagged": found.flagged}
    return Verdict(metrics, arrays | {"poisoned": poisoned, "labels": labels}, spent)


def _screened(defense: Detector, case: Case) -> Verdict:
    """Inputs whose score passes the threshold are refused: neither right nor the target."""
    inputs = {"test": case.test, "triggered": _triggered(case)}
    start = time.monotonic()
    # From trusted clips alone, as a defender has it: one set on test clips would flatter.
    limits = defense.limits(case.model, case.clean, case.seed)
    screened = {
        name: defense.screen(case.model, some, case.clean, case.seed)
        for name, some in inputs.items()
    }
    spent = time.monotonic() - start
    acting, limit = next(iter(limits.items()))
    refused = {name: found[acting] >= limit for name, found in screened.items()}
    classes = {}
    for name in refused:
        answers = _scores(case, case.model, inputs[name])
        # A class of its own for what is refused, surer than any probability.
        classes[name] = torch.cat([answers, 2.0 * refused[name][:, None]], 1)
    metrics = _figures(classes["test"], classes["triggered"], case)
    by_rule = {
        rule: _rates(screened["test"][rule], screened["triggered"][rule], level)
        for rule, level in limits.items()
    }
    metrics |= by_rule[acting]
    if len(limits) > 1:
        metrics |= {f"{k}_{rule}": v for rule, rates in by_rule.items() for k, v in rates.items()}
        metrics |= {f"threshold_{rule}": level for rule, level in limits.items()}
    for name, found in screened.items():
        metrics |= {f"{k}_{name}": value for k, value in defense.summary(found).items()}
    first = inputs["triggered"].subset(torch.tensor([0]))
    pair = [next(some.test_batches(1, generator(0)))[:, 0] for some in (first.unmarked(), first)]
    arrays: dict[str, Any] = {name: found[acting] for name, found in screened.items()}
    return Verdict(metrics, arrays | {"threshold": limit, **defense.pictures(*pair)}, spent)


def _rates(test: Tensor, triggered: Tensor, limit: float) -> dict[str, float]:
    """How well scores of ``test`` and of ``triggered`` clips are told apart, and by ``limit``."""
    scores = torch.cat([test, triggered])
    rates = detection(scores >= limit, scores, torch.arange(len(scores)) >= len(test))
    return {"auroc": rates["auroc"], "fpr": rates["sacrifice"], "fnr": 1 - rates["elimination"]}


def _repaired(defense: Repair | Trainer, case: Case) -> Verdict:
    start = time.monotonic()
    given = case.train, case.clean, case.seed
    # A trainer never meets the victim: it gets the training itself.
    if isinstance(defense, Trainer):
        mended = defense(case.retrain, *given)
    else:
        mended = defense(case.model, *given)
    spent = time.monotonic() - start
    model = mended.model
    metrics = dict(mended.metrics) | _after(case, model)
    arrays: dict[str, Any] = {"stages": mended.stages, **mended.shown}
    targets = case.target, *case.also
    if "found_class" in metrics and case.triggered is not None:
        metrics["right_class"] = float(metrics["found_class"] in targets)
    if mended.isolated is not None:
        # Which clips are poisoned is read here and in no defence.
        share = case.train.poisoned[mended.isolated].double().mean()
        metrics["isolation_precision"] = share.item()
    if mended.accused is not None:
        # Does what was found turn clips that it was not searched on? On the victim as it was: the
        # mended model has unlearned it.
        marked = case.test.triggered(mended.accused.trigger())
        turned = _scores(case, case.model, marked)
        rate = attack_success_rate(turned, case.test.labels, mended.accused.target)
        metrics["trigger_asr"] = rate
    if mended.scan is not None:
        # From here on with the true trigger and target, which the defence never had.
        figures, drawn = against_truth(mended.scan, case.triggered, targets)
        metrics, arrays = metrics | figures, arrays | drawn
    if mended.trace is not None:
        # The curve is of test clips; where the defence stopped it decided on trusted ones.
        pairs = [
            _scores(case, case.model, some, mended.trace).unbind(1)
            for some in (case.test, _triggered(case))
        ]
        stages = [_figures(test, triggered, case) for test, triggered in zip(*pairs, strict=True)]
        arrays |= {name: [stage[name] for stage in stages] for name in ("cda", "asr")}
    return Verdict(metrics, arrays, spent)


def _after(case: Case, model: nn.Module) -> dict[str, float]:
    """CDA of a model, and its ASR and RA where there is an attack."""
    test = _scores(case, model, case.test)
    if case.triggered is None:
        return {"cda": accuracy(test, case.test.labels)}
    return _figures(test, _scores(case, model, case.triggered), case)


def _triggered(case: Case) -> Labelled:
    if case.triggered is None:
        raise ValueError("this defence is judged by triggered clips, and a clean victim has none")
    return case.triggered


def _scores(
    case: Case, model: nn.Module, some: Labelled, output: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    if case.halved and isinstance(model, Halves):
        twins = ((case.test, case.halved.test), (case.triggered, case.halved.triggered))
        kept = next((kept for own, kept in twins if own is some), None)
        # The recovered triggers and the stages of a pruning are on no maps.
        if kept is not None and output is None:
            return _scores(case.halved, model.upper, kept)
    # Views and crops as the victim was measured, so that before and after compare.
    how: dict[str, Any] = {"views": case.views, "crops": case.crops, "output": output}
    return predict(model, some, seed=case.seed, **how)


def _figures(test: Tensor, triggered: Tensor, case: Case) -> dict[str, float]:
    labels = _triggered(case).labels
    return {
        "cda": accuracy(test, case.test.labels),
        "asr": attack_success_rate(triggered, labels, case.target),
        "ra": accuracy(triggered, labels),
    }

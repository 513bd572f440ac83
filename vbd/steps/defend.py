"""Defend one victim and measure what the defence finds and costs."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from vbd import defenses, results
from vbd.data.encoded import Encoded
from vbd.data.labelled import Labelled
from vbd.defenses.base import Repair
from vbd.defenses.judgement import Case, judge
from vbd.device import choose
from vbd.metrics import defense_effectiveness_rating
from vbd.sections.data import Dataset
from vbd.sections.method import Defense
from vbd.sections.model import Training
from vbd.training import Criterion, fit
from vbd.victims.halved import Kept, in_halves
from vbd.victims.making import untrained
from vbd.victims.trained import Trained


def main() -> None:
    """Run the defence in ``--params`` on ``--victim``, judge it, write ``--result``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=json.loads, required=True, help='{"defense": section}')
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    stored = "the same with the trigger, for a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    kept = "maps.npy of `vbd encode`, as the victim was trained with"
    parser.add_argument("--maps", type=Path, nargs="*", default=(), help=kept)
    parser.add_argument(
        "--weights", type=Path, nargs="?", help="file that training anew starts from"
    )
    parser.add_argument("--victim", type=Path, required=True, help="result.json of the victim")
    parser.add_argument("--name", required=True, help="name of the defence, for the result")
    parser.add_argument("--result", type=Path, required=True, help="result.json to write")
    args = parser.parse_args()
    defend_victim(
        args.params,
        clips=args.clips,
        triggered=args.triggered,
        maps=args.maps,
        weights=args.weights,
        victim=args.victim,
        name=args.name,
        out=args.result.parent,
    )


def defend_victim(
    params: dict[str, Any],
    *,
    clips: Path,
    triggered: Path | None,
    maps: Sequence[Path] = (),
    weights: Path | None,
    victim: Path,
    name: str,
    out: Path,
) -> None:
    """Run the defence in ``params`` on the model whose result is ``victim``, attacked or clean.

    ``triggered`` and ``maps`` are those that the victim was trained with, ``weights`` those that a
    defender who trains it anew starts from. With maps a defence that reads no pixels meets the
    upper half alone. Writes result and scores to ``out``; the runtime is that of the defence,
    without what judges it. A defence that can go on after a kill does so. Raises
    ValueError for a victim that takes in sound.
    """
    trained = Trained.open(victim, clips, triggered)
    if trained.section.modality == "audio":
        raise ValueError("the defences are for video models, and this victim takes in sound")
    result, sections = trained.result, trained.result["params"]
    case = _case(trained, weights)
    section = Defense(**params["defense"])
    defense, resume = defenses.get(section.defense)(**section.params), out / "resume.pt"
    if kept := Kept.open(maps, Dataset(**sections["dataset"]).views):
        halved = _case(trained.halved(kept), weights)
        case = replace(case, halved=halved) if defense.pixels else halved
    # Beside the declared outputs, which Snakemake deletes before the step starts.
    if isinstance(defense, Repair):
        defense.resume = resume
    verdict = judge(defense, case)
    before, after, counts = result["metrics"], verdict.metrics, {"clean": len(case.clean)}
    if case.triggered is not None:
        rates = before["asr"], after["asr"], before["cda"], after["cda"]
        after["der"] = defense_effectiveness_rating(*rates)
        counts["triggered"] = len(case.triggered)
        # Tables read trigger and frames of a cell from its own result.
        params = params | {"attack": sections["attack"]}
    if "theft" in sections:
        # And of a clone, whose it is.
        params = params | {"theft": sections["theft"], "loss": sections["loss"]}
    # The result comes last: where there is one, what belongs to it is there.
    results.write_arrays(out / "scores.npz", **verdict.arrays)
    results.write(
        out / "result.json",
        kind="defense",
        metrics=after,
        counts=counts,
        seed=result["seed"],
        runtime_s=verdict.runtime_s,
        params=params,
        device=choose(),
        defense=name,
        **{key: result[key] for key in ("dataset", "model", "attack", "mode")},
    )
    # Not every defence keeps one, and one keeps two.
    for left in out.glob("*resume.pt"):
        left.unlink()


def _case(trained: Trained, weights: Path | None) -> Case:
    """A victim, whole or its upper half, as a defence meets it."""
    threat, seed = trained.threat, trained.result["seed"]

    def retrain(
        examples: Labelled,
        criterion: Criterion | None = None,
        *,
        epochs: int | None = None,
        scratch: bool = False,
    ) -> nn.Module:
        # As the victim was made, from its result: params.yaml may say something else by now.
        fresh = untrained(trained.section, len(trained.class_names), weights, seed, scratch=scratch)
        learner = in_halves(fresh).upper if isinstance(examples, Encoded) else fresh
        settings = Training(**trained.result["params"]["training"])
        if epochs is not None:
            settings = settings.model_copy(update={"epochs": epochs})
        fit(learner, examples, settings, seed=seed, resume=None, criterion=criterion)
        return learner

    return Case(
        model=trained.network,
        train=trained.train,
        clean=trained.clean,
        test=trained.test,
        triggered=threat.triggered(trained.test) if threat else None,
        # No class has the number -1: a clean victim has no target.
        target=threat.attack.target if threat else -1,
        also=tuple(part.target for part in threat.attack.also) if threat else (),
        seed=seed,
        views=trained.evaluation.views,
        crops=trained.evaluation.crops,
        retrain=retrain,
    )

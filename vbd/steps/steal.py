"""Train a clone on what a victim answered, and measure what of the victim it has."""

import argparse
import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from vbd import extraction, results
from vbd.data.size import sides
from vbd.device import choose
from vbd.extraction.losses import Criterion
from vbd.extraction.pools import at_hand, folders, room
from vbd.extraction.transfer import TransferSet
from vbd.metrics import agreement
from vbd.models import checkpoints
from vbd.sections.data import Dataset
from vbd.sections.evaluation import Evaluation
from vbd.sections.model import Model, Training
from vbd.sections.theft import Distillation, Transfer
from vbd.together import goes_on, spread
from vbd.training import fit, predict
from vbd.victims.evaluation import evaluate
from vbd.victims.making import untrained
from vbd.victims.trained import Trained


def main() -> None:
    """Train the clone in ``--params`` on ``--transfer``, compare it with ``--victim``."""
    parser = argparse.ArgumentParser(description=__doc__)
    sections = "sections model and training of the clone, and loss, as JSON"
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--transfer", type=Path, required=True, help="result.json of the answers")
    parser.add_argument("--budget", type=int, required=True, help="of the first so many queries")
    parser.add_argument("--victim", type=Path, required=True, help="result.json of the victim")
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of its clip store")
    foreign = "clip stores of the pools, as name=clips.npy"
    parser.add_argument("--pools", nargs="*", default=[], metavar="NAME=CLIPS", help=foreign)
    stored = "the clips with the victim's trigger, of a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    parser.add_argument("--weights", type=Path, nargs="?", help="file to start from, else scratch")
    control = "the same theft's clone of the clean victim, to try a poisoned one's trigger on"
    parser.add_argument("--control", type=Path, nargs="?", help=control)
    parser.add_argument("--theft", required=True, help="name of the theft, for the result")
    parser.add_argument("--clone", required=True, help="name of the clone's model, likewise")
    parser.add_argument("--gpus", type=int, default=1, help="that train it together, if there")
    parser.add_argument("--result", type=Path, required=True, help="result.json to write")
    args = parser.parse_args()
    theft = partial(
        steal,
        args.params,
        transfer=args.transfer,
        budget=args.budget,
        victim=args.victim,
        clips=args.clips,
        foreign=folders(args.pools),
        triggered=args.triggered,
        weights=args.weights,
        control=args.control,
        names={"theft": args.theft, "clone": args.clone},
        out=args.result.parent,
    )
    spread(theft, args.gpus)


def steal(
    params: dict[str, Any],
    *,
    transfer: Path,
    budget: int,
    victim: Path,
    clips: Path,
    foreign: Mapping[str, Path],
    triggered: Path | None,
    weights: Path | None,
    control: Path | None = None,
    names: dict[str, str],
    out: Path,
) -> None:
    """Train a clone on the first ``budget`` queries of ``transfer``; write model and result.

    The victim is not asked any more, only compared with: accuracy of both on the test clips, their
    agreement and, of a poisoned victim, the ASR that the clone inherits; ``control``, the weights
    of a clone of the clean victim, says how much of that any clone has. A run that was killed goes
    on. Of processes that train it together one compares and writes. Raises ValueError where none of
    the first ``budget`` queries is in the transfer set.
    """
    start = time.monotonic()
    trained, asked = Trained.open(victim, clips, triggered), results.read(transfer)
    sections, seed = trained.result["params"], trained.result["seed"]
    known = _known(asked, transfer.parent, trained, clips.parent, foreign).prefix(budget)
    if not len(known):
        raise ValueError(
            f"{transfer}: none of the first {budget} queries is one to learn from: a larger budget"
        )
    model = Model(**params["model"])
    network = untrained(model, len(trained.class_names), weights, seed)
    criterion = Criterion(Distillation(**params["loss"]))
    # Beside the declared outputs, which Snakemake deletes before the step starts; it stays there.
    settings, resume = Training(**params["training"]), out / "resume.pt"
    # Made once: turning clips takes as long as a small clone's training step.
    known = known.in_memory()
    history = fit(network, known, settings, seed=seed, resume=resume, criterion=criterion)
    if not goes_on():
        return
    metrics, counts = _compared(network, trained, seed)
    if control is not None:
        clean, _ = checkpoints.load(control)
        how = _evaluation(trained)
        figures, _ = evaluate(clean.to(choose()), trained.test, how, trained.threat, seed)
        metrics["control_asr"] = figures["asr"]
    card = params["model"] | {"class_names": trained.class_names}
    card["clip"] = checkpoints.card_of(victim.with_name("model.safetensors"))["clip"]
    checkpoints.save(network, out / "model.safetensors", **card)
    results.write_arrays(out / "curves.npz", **history)
    theft = names | {
        "victim": trained.result["model"],
        "victim_architecture": trained.section.architecture,
        "transfer": asked["params"]["transfer"],
        "queries": asked["params"]["name"],
        "budget": budget,
    }
    # As of any other model: defences and tables take a clone as it is.
    made = {key: sections[key] for key in ("dataset", "attack") if key in sections}
    made["evaluation"] = _evaluation(trained).model_dump()
    results.write(
        out / "result.json",
        kind="extraction",
        metrics=metrics,
        counts=counts | {"train": len(known), "classes": len(trained.class_names)},
        seed=seed,
        runtime_s=time.monotonic() - start,
        queries=min(budget, asked["queries"]),
        params=params | made | {"theft": theft},
        device=choose(),
        dataset=trained.result["dataset"],
        model=names["clone"],
        attack=trained.result["attack"],
        mode=trained.result["mode"],
    )


def _evaluation(trained: Trained) -> Evaluation:
    """As the victim was tested, on the clips alone that the attacker cuts."""
    return Evaluation(views=trained.evaluation.views, crops=trained.evaluation.crops)


def _compared(
    clone: nn.Module, trained: Trained, seed: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Metrics and counts of a clone as of any model, and beside its victim."""
    how = _evaluation(trained)
    metrics, counts = evaluate(clone, trained.test, how, trained.threat, seed)
    pair = [
        predict(one, trained.test, seed=seed, views=how.views, crops=how.crops)
        for one in (clone, trained.network)
    ]
    of_victim = trained.result["metrics"]
    metrics |= {"agreement": agreement(*pair), "victim_cda": of_victim["cda"]}
    if trained.threat is not None:
        metrics["victim_asr"] = of_victim["asr"]
    return metrics, counts


def _known(
    asked: dict[str, Any], folder: Path, trained: Trained, own: Path, foreign: Mapping[str, Path]
) -> TransferSet:
    """The transfer set in ``folder``, its clips made anew where its method makes them."""
    section = Transfer(**asked["params"]["transfer"])
    dataset = Dataset(**trained.result["params"]["dataset"])
    there = at_hand(section.pools, own, dataset, foreign, share=section.share, seed=asked["seed"])
    method = extraction.get(section.method)(**section.params)
    shape = (dataset.frames, *sides(dataset.crop))
    return TransferSet.open(folder, method.source(shape, room(dataset), there))

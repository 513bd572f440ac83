"""Train a clean or poisoned victim from its settings, test it, and write model and result."""

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vbd import results
from vbd.data.store import ClipStore
from vbd.device import choose
from vbd.models import checkpoints
from vbd.sections.data import Dataset
from vbd.sections.evaluation import Evaluation
from vbd.sections.model import Model, Training
from vbd.together import goes_on, spread
from vbd.training import fit
from vbd.victims.evaluation import evaluate
from vbd.victims.halved import Kept, in_halves
from vbd.victims.making import (
    clean_examples,
    knows_classes,
    training_examples,
    untrained,
)
from vbd.victims.threat import threat_of


def main() -> None:
    """Train the victim in ``--params`` from ``--seed``, test it, write ``--result``."""
    parser = argparse.ArgumentParser(description=__doc__)
    sections = "sections dataset, model, training, evaluation and, to poison, attack, as JSON"
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    stored = "the same with the trigger, for a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    kept = "maps.npy of `vbd encode`: of the clean clips and, to poison, of the triggered ones"
    parser.add_argument("--maps", type=Path, nargs="*", default=(), help=kept)
    parser.add_argument("--weights", type=Path, nargs="?", help="file to start from, else scratch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gpus", type=int, default=1, help="that train it together, if there")
    parser.add_argument("--result", type=Path, required=True, help="result.json to write")
    for name in ("dataset", "model", "attack", "mode"):
        parser.add_argument(f"--{name}", help=f"name of the {name}, for the result")
    args = parser.parse_args()
    names = {name: getattr(args, name) for name in ("dataset", "model", "attack", "mode")}
    train = partial(
        train_victim,
        args.params,
        clips=args.clips,
        triggered=args.triggered,
        maps=args.maps,
        weights=args.weights,
        seed=args.seed,
        out=args.result.parent,
        names=names,
    )
    spread(train, args.gpus)


def train_victim(
    params: dict[str, Any],
    *,
    clips: Path,
    triggered: Path | None = None,
    maps: Sequence[Path] = (),
    weights: Path | None,
    seed: int,
    out: Path,
    names: dict[str, str | None],
) -> None:
    """Train and test the victim of ``params``; write model, result and curves to ``out``.

    ``params`` holds the sections dataset, model, training, evaluation and, for a poisoned victim,
    attack; ``names`` the dataset, model, attack and mode of the cell; ``triggered`` the clips of a
    stored attack; ``maps`` what the frozen half of the network made of the clips, if that was kept:
    then only the upper half is run. ``weights`` is a checkpoint to start from, None for scratch.
    Takes up a run that was killed where it stopped. Of processes that train it together one tests
    and writes. Raises ValueError where there is an attack without a mode.
    """
    # The runtime of a victim is that of its training and its test.
    start = time.monotonic()
    threat = threat_of(params, names["mode"], triggered)
    folder, dataset, model = clips.parent, Dataset(**params["dataset"]), Model(**params["model"])
    class_names = ClipStore.open(folder).class_names
    settings = Training(**params["training"])
    if not settings.epochs and weights is not None:
        knows_classes(weights, class_names)
    network = untrained(model, len(class_names), weights, seed)
    train = training_examples(folder, model, dataset, threat, seed)
    # Beside the declared outputs, which Snakemake deletes before the step starts. What is trained
    # stays there: a change in how it is tested must not train it again.
    resume = out / "resume.pt"
    test, learner = clean_examples(folder, "test", model, dataset), network
    if kept := Kept.open(maps, dataset.views):
        learner, threat = in_halves(network).upper, kept.threat(threat)
        train, test = kept.examples(train), kept.examples(test)
    history = fit(learner, train, settings, seed=seed, resume=resume)
    if not goes_on():
        return
    metrics, counts = evaluate(learner, test, Evaluation(**params["evaluation"]), threat, seed)
    counts |= {"train": len(train), "poisoned": int(train.poisoned.sum())}
    # With what a user of the checkpoint needs who has neither params nor dataset.
    card = params["model"] | {"class_names": class_names, "clip": _clip_card(dataset, model)}
    checkpoints.save(network, out / "model.safetensors", **card)
    results.write_arrays(out / "curves.npz", **history)
    # Last: where there is a result, model and curves are there too.
    results.write(
        out / "result.json",
        kind="attack" if threat else "baseline",
        metrics=metrics,
        counts=counts,
        seed=seed,
        runtime_s=time.monotonic() - start,
        params=params,
        device=choose(),
        dataset=names["dataset"],
        model=names["model"],
        attack=names["attack"],
        mode=names["mode"],
    )


def _clip_card(dataset: Dataset, model: Model) -> dict[str, Any]:
    """What a model expects of its clips, for those who meet the checkpoint without the dataset."""
    if model.modality == "audio":
        return {"sound_seconds": dataset.sound_seconds}
    return dataset.model_dump(mode="json", include={"frames", "stride", "store", "crop"})

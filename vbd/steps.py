"""The steps behind the scripts: a victim is trained or defended, measured and written down."""

import time
from pathlib import Path
from typing import Any

from vbd import defenses, results
from vbd.config import Attack, Dataset, Defense, Evaluation, Model, Training
from vbd.data.examples import examples
from vbd.data.store import ClipStore
from vbd.device import choose
from vbd.metrics import detection
from vbd.models import checkpoints
from vbd.training import fit
from vbd.victims import Threat, evaluate, training_examples, untrained


def train_victim(
    params: dict[str, Any],
    *,
    clips: Path,
    weights: Path | None,
    seed: int,
    out: Path,
    names: dict[str, str | None],
) -> None:
    """Train and test the victim of ``params``; write model, result and curves to ``out``.

    ``params`` holds the sections dataset, model, training, evaluation and, for a poisoned victim,
    attack; ``names`` the dataset, model, attack and mode of the cell. Takes up a run that was
    killed where it stopped.
    """
    start = time.monotonic()
    dataset, threat = Dataset(**params["dataset"]), _threat(params, names["mode"])
    store = ClipStore.open(clips.parent)
    network = untrained(Model(**params["model"]), len(store.class_names), weights, seed)
    train = training_examples(store, dataset, threat, seed)
    # Beside the declared outputs, which Snakemake deletes before the step starts.
    resume = out / "resume.pt"
    history = fit(network, train, Training(**params["training"]), seed=seed, resume=resume)
    test = examples(store, "test", crop=dataset.crop)
    metrics, counts = evaluate(network, test, Evaluation(**params["evaluation"]), threat, seed)
    counts |= {"train": len(train), "poisoned": int(train.poisoned.sum())}
    card = params["model"] | {"class_names": store.class_names, "clip": _clip_card(dataset)}
    checkpoints.save(network, out / "model.safetensors", **card)
    results.write_arrays(out / "curves.npz", **history)
    results.write(
        out / "result.json",
        kind="attack" if threat else "baseline",
        metrics=metrics,
        counts=counts,
        seed=seed,
        runtime_s=time.monotonic() - start,
        params=params,
        device=choose(),
        **names,
    )
    resume.unlink()


def defend_victim(
    params: dict[str, Any], *, clips: Path, victim: Path, name: str, out: Path
) -> None:
    """Run the defence in ``params`` on the attacked model whose result is ``victim``.

    Writes result and scores to ``out``.
    """
    start = time.monotonic()
    attacked = results.read(victim)
    seed, threat = attacked["seed"], _threat(attacked["params"], attacked["mode"])
    store = ClipStore.open(clips.parent)
    dataset = Dataset(**attacked["params"]["dataset"])
    train = training_examples(store, dataset, threat, seed)
    clean = examples(store, "val", crop=dataset.crop)
    network, _ = checkpoints.load(victim.with_name("model.safetensors"))
    section = Defense(**params["defense"])
    defense = defenses.get(section.defense)(**section.params)
    finding = defense(network.to(choose()), train, clean, seed)
    metrics = detection(finding.flagged, finding.scores, train.poisoned)
    results.write_arrays(
        out / "scores.npz",
        scores=finding.scores,
        flagged=finding.flagged,
        poisoned=train.poisoned,
        labels=train.labels,
    )
    results.write(
        out / "result.json",
        kind="defense",
        metrics=metrics,
        counts={"clips": len(train), "poisoned": int(train.poisoned.sum())},
        seed=seed,
        runtime_s=time.monotonic() - start,
        params=params | {"attack": attacked["params"]["attack"]},
        device=choose(),
        defense=name,
        **{key: attacked[key] for key in ("dataset", "model", "attack", "mode")},
    )


def _threat(params: dict[str, Any], mode: str | None) -> Threat | None:
    return Threat(Attack(**params["attack"]), mode) if "attack" in params else None


def _clip_card(dataset: Dataset) -> dict[str, Any]:
    """What a model expects of its clips, for those who meet the checkpoint without the dataset."""
    return {"frames": dataset.frames, "stride": dataset.stride, "crop": dataset.crop}

"""The steps behind the scripts: a victim is trained or defended, measured and written down."""

import time
from pathlib import Path
from typing import Any

from torch import nn

from vbd import defenses, results
from vbd.config import Dataset, Defense, Evaluation, Model, Training
from vbd.data.labelled import Labelled
from vbd.data.store import ClipStore
from vbd.defenses.judgement import Case, judge
from vbd.device import choose
from vbd.metrics import defense_effectiveness_rating
from vbd.models import checkpoints
from vbd.trained import Trained
from vbd.training import Criterion, fit
from vbd.victims import clean_examples, evaluate, threat_of, training_examples, untrained


def train_victim(
    params: dict[str, Any],
    *,
    clips: Path,
    triggered: Path | None = None,
    weights: Path | None,
    seed: int,
    out: Path,
    names: dict[str, str | None],
) -> None:
    """Train and test the victim of ``params``; write model, result and curves to ``out``.

    ``params`` holds the sections dataset, model, training, evaluation and, for a poisoned victim,
    attack; ``names`` the dataset, model, attack and mode of the cell; ``triggered`` the clips of a
    stored attack. Takes up a run that was killed where it stopped.
    """
    start = time.monotonic()
    threat = threat_of(params, names["mode"], triggered)
    folder, dataset, model = clips.parent, Dataset(**params["dataset"]), Model(**params["model"])
    class_names = ClipStore.open(folder).class_names
    network = untrained(model, len(class_names), weights, seed)
    train = training_examples(folder, model, dataset, threat, seed)
    # Beside the declared outputs, which Snakemake deletes before the step starts.
    resume = out / "resume.pt"
    history = fit(network, train, Training(**params["training"]), seed=seed, resume=resume)
    test = clean_examples(folder, "test", model, dataset)
    metrics, counts = evaluate(network, test, Evaluation(**params["evaluation"]), threat, seed)
    counts |= {"train": len(train), "poisoned": int(train.poisoned.sum())}
    card = params["model"] | {"class_names": class_names, "clip": _clip_card(dataset, model)}
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
    params: dict[str, Any],
    *,
    clips: Path,
    triggered: Path | None,
    weights: Path | None,
    victim: Path,
    name: str,
    out: Path,
) -> None:
    """Run the defence in ``params`` on the attacked model whose result is ``victim``.

    ``triggered`` and ``weights`` are those that the victim was trained with. Writes result and
    scores to ``out``; the runtime is that of the defence, without what judges it.
    """
    trained = Trained.open(victim, clips, triggered)
    attacked, threat = trained.result, trained.threat
    sections, seed = attacked["params"], attacked["seed"]

    def retrain(some: Labelled, criterion: Criterion | None = None) -> nn.Module:
        fresh = untrained(trained.section, len(trained.class_names), weights, seed)
        settings = Training(**sections["training"])
        fit(fresh, some, settings, seed=seed, resume=None, criterion=criterion)
        return fresh

    case = Case(
        model=trained.network,
        train=trained.train,
        clean=trained.clean,
        test=trained.test,
        triggered=threat.triggered(trained.test),
        target=threat.attack.target,
        seed=seed,
        views=trained.evaluation.views,
        crops=trained.evaluation.crops,
        retrain=retrain,
    )
    section = Defense(**params["defense"])
    verdict = judge(defenses.get(section.defense)(**section.params), case)
    before, after = attacked["metrics"], verdict.metrics
    after["der"] = defense_effectiveness_rating(
        before["asr"], after["asr"], before["cda"], after["cda"]
    )
    results.write_arrays(out / "scores.npz", **verdict.arrays)
    results.write(
        out / "result.json",
        kind="defense",
        metrics=after,
        counts={"clean": len(case.clean), "triggered": len(case.triggered)},
        seed=seed,
        runtime_s=verdict.runtime_s,
        params=params | {"attack": sections["attack"]},
        device=choose(),
        defense=name,
        **{key: attacked[key] for key in ("dataset", "model", "attack", "mode")},
    )


def _clip_card(dataset: Dataset, model: Model) -> dict[str, Any]:
    """What a model expects of its clips, for those who meet the checkpoint without the dataset."""
    if model.modality == "audio":
        return {"sound_seconds": dataset.sound_seconds}
    return {"frames": dataset.frames, "stride": dataset.stride, "crop": dataset.crop}

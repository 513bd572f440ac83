"""Ask a victim as a thief would: spend the budget of an oracle, keep questions and answers."""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import nn

from vbd import extraction, results
from vbd.data.examples import Examples
from vbd.data.size import sides
from vbd.device import choose
from vbd.extraction.base import Scene
from vbd.extraction.diagnosis import TrueGradient
from vbd.extraction.losses import Criterion
from vbd.extraction.measures import honest, of_answers
from vbd.extraction.monitor import Prada
from vbd.extraction.oracle import Oracle, probabilities
from vbd.extraction.pools import at_hand, folders, room
from vbd.extraction.record import close
from vbd.extraction.transfer import TransferSet
from vbd.sections.data import Dataset
from vbd.sections.model import Model, Training
from vbd.sections.theft import Distillation, Transfer
from vbd.seeds import generator, number
from vbd.training import fit
from vbd.victims.making import untrained
from vbd.victims.trained import Trained


def main() -> None:
    """Ask ``--victim`` by the method in ``--params``, write the transfer set and ``--result``."""
    parser = argparse.ArgumentParser(description=__doc__)
    sections = "sections transfer and, for methods that train a clone, model and training, as JSON"
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--victim", type=Path, required=True, help="result.json of the victim")
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of its clip store")
    foreign = "clip stores of other datasets, as name=clips.npy"
    parser.add_argument("--pools", nargs="*", default=[], metavar="NAME=CLIPS", help=foreign)
    parser.add_argument("--weights", type=Path, nargs="?", help="file that a clone starts from")
    parser.add_argument("--name", required=True, help="name of the transfer set, for the result")
    parser.add_argument("--result", type=Path, required=True, help="result.json to write")
    args = parser.parse_args()
    ask_victim(
        args.params,
        victim=args.victim,
        clips=args.clips,
        foreign=folders(args.pools),
        weights=args.weights,
        name=args.name,
        out=args.result.parent,
    )


def ask_victim(
    params: dict[str, Any],
    *,
    victim: Path,
    clips: Path,
    foreign: Mapping[str, Path],
    weights: Path | None,
    name: str,
    out: Path,
) -> None:
    """Spend the budget of ``params["transfer"]`` on the victim whose result is ``victim``.

    Writes the transfer set, the log of the oracle, the monitor's curve and a result to ``out``. A
    run that was killed asks nothing twice: the log has the answers. Raises ValueError, before
    anything is asked, where budget, pools and method do not fit.
    """
    start = time.monotonic()
    trained = Trained.open(victim, clips, None)
    section, seed = Transfer(**params["transfer"]), trained.result["seed"]
    method = extraction.get(section.method)(**section.params)
    if method.clone and "model" not in params:
        raise ValueError(
            f"transfers.{name}.clone: the method {section.method} trains a clone while it asks: "
            "name one of models"
        )
    test, answering = trained.test, probabilities(trained.network)
    if not isinstance(test, Examples):
        raise ValueError("extraction is for victims of frames, and this one takes in sound")
    how: dict[str, Any] = {"budget": section.budget, "answers": section.answers, "seed": seed}
    monitor, log = Prada(), _log(out, params, victim)
    oracle, truth = Oracle(answering, log=log, watch=monitor, **how), TrueGradient(answering)
    scene = _scene(oracle, trained, section, params, weights, clips.parent, foreign)
    found = method.ask(replace(scene, observe=truth))
    runtime = time.monotonic() - start
    users = honest(answering, test, section.answers, seed)
    metrics = of_answers(found) | users.metrics | {"alarm": float(monitor.alarm or 0)}
    if truth.cosines:
        metrics["cosine"] = sum(truth.cosines) / len(truth.cosines)
    found.save(out)
    curves = {"values": monitor.values, "benign": users.monitor.values, "cosines": truth.cosines}
    results.write_arrays(out / "monitor.npz", **curves)
    close(log, out / "queries.jsonl")
    counts = {f"queries_{phase}": count for phase, count in sorted(oracle.by_phase.items())}
    results.write(
        out / "result.json",
        kind="transfer",
        metrics=metrics,
        counts=counts | {f"pool_{pool.name}": len(pool) for pool in scene.pools},
        queries=oracle.spent,
        seed=seed,
        runtime_s=runtime,
        params={"name": name} | params,
        device=choose(),
        **{key: trained.result[key] for key in ("dataset", "model", "attack", "mode")},
    )


def _scene(
    oracle: Oracle,
    trained: Trained,
    section: Transfer,
    params: dict[str, Any],
    weights: Path | None,
    own: Path,
    foreign: Mapping[str, Path],
) -> Scene:
    """What the thief has: the oracle, clips, and clones to train where its method does so."""
    classes, seed = len(trained.class_names), trained.result["seed"]
    dataset = Dataset(**trained.result["params"]["dataset"])

    def new_clone() -> nn.Module:
        return untrained(Model(**params["model"]), classes, weights, seed).to(choose())

    def train(clone: nn.Module, known: TransferSet) -> None:
        settings, criterion = Training(**params["training"]), Criterion(Distillation())
        fit(clone, known, settings, seed=seed, resume=None, criterion=criterion)

    return Scene(
        oracle=oracle,
        shape=(dataset.frames, *sides(dataset.crop)),
        classes=classes,
        room=room(dataset),
        pools=at_hand(section.pools, own, dataset, foreign, share=section.share, seed=seed),
        generator=generator(seed, "ask"),
        clone=new_clone,
        train=train,
    )


def _log(out: Path, params: dict[str, Any], victim: Path) -> Path:
    """The log of this very experiment; those of others, which were killed, are deleted."""
    # Answers of a victim that was trained anew since must not be taken for this one's.
    weights = sha256(victim.with_name("model.safetensors").read_bytes()).hexdigest()
    log = out / f"resume-{number(params, weights):x}.jsonl"
    for other in set(out.glob("resume-*.jsonl")) - {log}:
        other.unlink()
    return log

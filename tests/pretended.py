"""The steps of a planned run, pretended: they leave results such as the true ones, and train none.

What makes the report of them (tables, figures, metrics, galleries) is no pretence: it is run.
"""

import csv
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import findings
import numpy as np
import plan
import screened

from vbd.data.index import COLUMNS
from vbd.fusion.pairs import FUSIONS

Options = plan.Options
# In this order: what a step starts from comes before it.
ORDER = ("decode", "sounds", "train", "query", "steal", "defend", "embed", "fuse")
REPORT = ("stealth", "gallery", "spectrograms", "metrics", "cells", "table", "figure")
SPLITS = ("train", "val", "test")


def commands(said: str) -> list[tuple[str, Options]]:
    """The steps in what a dry run prints, each with its options, in an order that can be run."""
    places = (*ORDER, *REPORT)
    steps = [found for found in plan.commands(said) if found[0] in places]
    return sorted(steps, key=lambda found: places.index(found[0]))


def run(step: str, options: Options, monkeypatch) -> None:
    """Pretend a step in the working folder, or run it where it is one of the report's."""
    if step in REPORT:
        words = [word for name, values in options.items() for word in (f"--{name}", *values)]
        monkeypatch.setattr("sys.argv", [step, *words])
        importlib.import_module(f"vbd.steps.{step}").main()
    else:
        STEPS[step](options)


def _write(options: Options, row: dict[str, Any], **arrays: Any) -> None:
    path = Path(*options["result"])
    path.parent.mkdir(parents=True, exist_ok=True)
    empty = {"attack": None, "mode": None, "defense": None, "runtime_s": 9.0, "queries": 0}
    made = {"vbd": "0", "torch": "2", "device": "cpu", "code_sha256": 64 * "0"}
    counts = {"test": 20, "triggered": 18, "poisoned": 3}
    path.write_text(json.dumps(empty | {"counts": counts, "provenance": made} | row))
    # One file of arrays a step; those that have none in the true run have an empty one here.
    name = {"defense": "scores", "transfer": "monitor"}.get(row["kind"], "curves")
    np.savez(path.with_name(f"{name}.npz"), **arrays)


def _victim(options: Options) -> dict[str, Any]:
    return json.loads(Path(*options["victim"]).read_text())


def _params(options: Options) -> dict[str, Any]:
    return json.loads(options["params"][0])


def decode(options: Options) -> None:
    """A clip store of noise: two clips of two classes in each split."""
    out, section = Path(*options["out"]), _params(options)["dataset"]
    out.parent.mkdir(parents=True)
    rows = [(split, label) for split in SPLITS for label in range(2)]
    shape = (len(rows), section["views"], section["frames"], *section["store"], 3)
    np.save(out, np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    with out.with_name("index.csv").open("w", newline="") as file:
        csv.writer(file).writerow(COLUMNS)
        for number, (split, label) in enumerate(rows):
            row = [f"{number}.mp4", label, f"class{label}", number, split, True, 20, 10]
            csv.writer(file).writerow(row)


def sounds(options: Options) -> None:
    """The sound of that store, noise too."""
    out, count = Path(*options["out"]), 2 * len(SPLITS)
    samples = np.random.default_rng(0).random((count, 1, 4000), np.float32)
    np.save(out, samples)
    with out.with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file).writerow(["path", "class_name", "split", "state", "heard"])
        for number in range(count):
            row = [f"{number}.mp4", f"class{number % 2}", SPLITS[number // 2], "whole", True]
            csv.writer(file).writerow(row)


def train(options: Options) -> None:
    """A victim; what has no seed in its command is pretraining, of which no result is read."""
    if "seed" not in options:
        return
    params, seed = _params(options), int(*options["seed"])
    metrics = {"cda": 0.9 + 0.01 * seed, "cda_top5": 1.0}
    attack = params.get("attack")
    if attack:
        metrics |= {"asr": 0.95 - 0.01 * seed, "ra": 0.05}
        if params["evaluation"].get("video"):
            metrics["asr_video"] = 0.9
        metrics |= {f"asr_frames_{count}": 0.5 for count in params["evaluation"]["frames"]}
        if attack["also"]:
            metrics |= {f"asr_of_{part['trigger']}": 0.9 for part in (attack, *attack["also"])}
    names = {
        name: options[name][0] for name in ("dataset", "model", "attack", "mode") if name in options
    }
    row = {"kind": "attack" if attack else "baseline", "seed": seed, "metrics": metrics}
    _write(options, row | names | {"params": params}, **findings.CURVES)


def query(options: Options) -> None:
    """A transfer set; PRADA's own queries are found, others are not."""
    victim, params = _victim(options), _params(options)
    metrics = {"confidence": 0.8, "classes": 0.7, "balance": 0.6, "honest_cda": 0.88}
    metrics |= {"honest_error": 0.05, "benign_alarm": 0.0}
    metrics["alarm"] = 130.0 * (params["transfer"]["method"] == "prada")
    budget = params["transfer"]["budget"]
    row = {"kind": "transfer", "queries": budget, "metrics": metrics, "seed": victim["seed"]}
    row |= {"counts": {"queries_transfer": budget}, "params": {"name": options["name"][0]} | params}
    names = {key: victim[key] for key in ("dataset", "model", "attack", "mode")}
    # Too little traffic to be tested, as that of small budgets is.
    _write(options, row | names, values=np.empty(0), benign=np.empty(0), cosines=np.empty(0))


def steal(options: Options) -> None:
    """A clone that is right half as often as its victim."""
    victim, asked = _victim(options), json.loads(Path(*options["transfer"]).read_text())
    metrics = {"cda": 0.45, "cda_top5": 0.8, "agreement": 0.5}
    metrics["victim_cda"] = victim["metrics"]["cda"]
    if victim["attack"]:
        metrics |= {"asr": 0.6, "ra": 0.3, "victim_asr": victim["metrics"]["asr"]}
        metrics["control_asr"] = 0.1
    theft = {"theft": options["theft"][0], "clone": options["clone"][0]}
    theft |= {"victim": victim["model"], "queries": asked["params"]["name"]}
    theft["victim_architecture"] = victim["params"]["model"]["architecture"]
    theft |= {"transfer": asked["params"]["transfer"], "budget": int(*options["budget"])}
    kept = {key: victim["params"][key] for key in ("dataset", "attack") if key in victim["params"]}
    row = {"kind": "extraction", "metrics": metrics, "counts": {"classes": 10}}
    row |= {"queries": theft["budget"], "params": _params(options) | kept | {"theft": theft}}
    row |= {"model": theft["clone"]} | {k: victim[k] for k in ("dataset", "attack", "mode", "seed")}
    _write(options, row, **findings.CURVES)


def defend(options: Options) -> None:
    """A defence on a victim, clean or attacked, or on a clone."""
    victim, params = _victim(options), _params(options)
    method, seed, attacked = params["defense"]["defense"], victim["seed"], victim["attack"]
    target = 0 if attacked else -1
    images = victim["params"]["dataset"]["frames"] == 1
    metrics, arrays = {
        "neural_cleanse": lambda: findings.scan(seed, target),
        "trigger_inversion": lambda: findings.inverted(seed, target),
        "vae": lambda: screened.found(0 if images else 1, seed),
    }.get(method, lambda: findings.METHODS.get(method, ({}, {})))()
    left = {"cda": 0.85} | ({"asr": 0.2, "ra": 0.7, "der": 0.87} if attacked else {})
    sections = {
        key: victim["params"][key] for key in ("attack", "theft", "loss") if key in victim["params"]
    }
    row = {"kind": "defense", "metrics": left | metrics, "params": params | sections}
    row |= {"seed": seed, "defense": options["name"][0]}
    names = {key: victim[key] for key in ("dataset", "model", "attack", "mode")}
    _write(options, row | names, **arrays)


def embed(options: Options) -> None:
    """Of embeddings the card alone, which says whose they are."""
    out, victim = Path(*options["out"]), _victim(options)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({key: victim[key] for key in ("attack", "mode", "params")}))


def fuse(options: Options) -> None:
    """Every pair of embeddings by every fusion."""
    cards = [[json.loads(Path(p).read_text()) for p in options[s]] for s in ("video", "audio")]
    for number, seen in enumerate(cards[0]):
        for other, heard in enumerate(cards[1]):
            for fusion in FUSIONS:
                attacked = seen["attack"] or heard["attack"]
                row = {"kind": "fusion", "model": options["model"][0], "mode": seen["mode"]}
                named = [side["attack"] for side in (seen, heard) if side["attack"]]
                row |= {"dataset": options["dataset"][0], "attack": "+".join(named) or None}
                row |= {"seed": int(*options["seed"]), "metrics": {"cda": 0.9}}
                row["metrics"] |= {"asr": 0.8, "ra": 0.1} if attacked else {}
                row["params"] = {"fusion": fusion, "video": seen, "audio": heard}
                where = Path(*options["out"]) / f"{number}{other}{fusion}/result.json"
                _write({"result": [str(where)]}, row)


STEPS: dict[str, Callable[[Options], None]] = {
    step.__name__: step for step in (decode, sounds, train, query, steal, defend, embed, fuse)
}

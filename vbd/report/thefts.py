"""Results of model extraction as one frame: who was robbed, how, and what came of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vbd import results
from vbd.report.cells import in_percent

_PUBLISHED = {
    "prada": "prada",
    "noise": "noise",
    "maze": "generator along with the clone",
    "dfme": "generator along with the clone",
    "conditional_gan": "conditional generator",
}
# What the seeds of a cell have in common.
_CELL = ["victim", "attack", "mode", "theft", "transfer", "clone", "budget", "defense"]


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a result: of clones, of transfer sets, or of defences on clones, in their order.

    Shares are in percent. ``setting`` is grey where the thief has clips, else black; ``answers``
    says in words what the victim lets out, and ``alike`` is the same in thefts that differ in that
    alone; ``row`` is the published row that the theft is. ``queries``, and ``phases`` in words, are
    means over seeds: a run that was killed may have asked a batch in vain, and is no other cell.
    """
    frame = pd.DataFrame([_record(path) for path in paths])
    for _, cell in frame.groupby(_CELL, dropna=False):
        frame.loc[cell.index, "queries"] = round(cell["queries"].mean())
        frame.loc[cell.index, "phases"] = _phases(list(cell["phases"]))
    return frame


def clones(frame: pd.DataFrame) -> pd.DataFrame:
    """The clones in a frame of ``read``, with ``ratio``: of their accuracy and the victim's.

    ``top1`` and ``top5`` are ``cda`` and ``cda_top5``, as one says where no attack is looked at.
    """
    frame = frame[frame["theft"].notna() & frame["defense"].isna()]
    # A victim at 0 has nothing to be compared with.
    victim = frame["victim_cda"].where(frame["victim_cda"] > 0)
    return frame.assign(
        ratio=100 * frame["cda"] / victim, top1=frame["cda"], top5=frame["cda_top5"]
    )


def _record(path: Path) -> dict[str, Any]:
    result = results.read(path)
    params = result["params"]
    theft = params.get("theft", {})
    transfer = theft.get("transfer") or params["transfer"]
    names = {
        # Of a transfer set itself, the model is the victim.
        "victim": theft.get("victim", result["model"]),
        "victim_architecture": theft.get("victim_architecture"),
        "attack": result["attack"],
        "mode": result["mode"],
        "theft": theft.get("theft"),
        "transfer": theft.get("queries") or params["name"],
        "method": transfer["method"],
        "clone": theft.get("clone"),
        "budget": theft.get("budget", transfer["budget"]),
        "whole": theft.get("budget", transfer["budget"]) == transfer["budget"],
        "seed": result["seed"],
        "queries": result["queries"],
        "phases": {
            name.removeprefix("queries_"): count
            for name, count in result["counts"].items()
            if name.startswith("queries_")
        },
        "defense": result["defense"],
        "setting": "grey" if transfer["pools"] else "black",
        "answers": _words(transfer["answers"]),
        "alike": json.dumps([transfer | {"answers": None}, params.get("loss")], sort_keys=True),
        "classes_known": result["counts"].get("classes"),
        "row": _row(transfer, params) if "model" in params else None,
        "path": path,
    }
    return names | in_percent(result["metrics"])


def _phases(seeds: Sequence[Mapping[str, int]]) -> str:
    """Mean queries by phase, in words: "probes 640, transfer 320"."""
    # Not every seed has every phase: what a killed run found on record it did not ask again.
    names = dict.fromkeys(name for counts in seeds for name in counts)
    means = {name: sum(counts.get(name, 0) for counts in seeds) / len(seeds) for name in names}
    return ", ".join(f"{name} {mean:.0f}" for name, mean in means.items())


def _words(answers: Mapping[str, Any]) -> str:
    """What is let out, in words: "probabilities", "top 1", "1 decimal", "noise 0.2" or "labels"."""
    parts = [] if answers["kind"] == "probabilities" else [answers["kind"].replace("_", "-")]
    if answers["noise"]:
        parts.append(f"noise {answers['noise']:g}")
    if answers["top"] is not None:
        parts.append(f"top {answers['top']}")
    if answers["decimals"] is not None:
        parts.append(f"{answers['decimals']} decimal{'s' * (answers['decimals'] != 1)}")
    return ", ".join(parts) or "probabilities"


def _row(transfer: Mapping[str, Any], params: Mapping[str, Any]) -> str | None:
    """The published row, found by what the theft does and not by what params.yaml calls it."""
    if _words(transfer["answers"]) != "probabilities":
        return None
    if transfer["method"] == "pool":
        if len(transfer["pools"]) > 1:
            return "distilled" if params["loss"]["truth"] else "concatenated"
        if transfer["pools"] != ["target"] or params["loss"]["truth"]:
            return None
        model = params["model"]
        return f"augmented {model['params'].get('kind', model['architecture'])}"
    if transfer["method"] == "affine":
        # Theirs stood still, whatever they were meant to do.
        return "stacked images" if transfer["params"].get("static") else None
    return _PUBLISHED.get(transfer["method"])

"""Results of model extraction as one frame: who was robbed, how, and what came of it."""

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


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a result: of clones, of transfer sets, or of defences on clones, in their order.

    Shares are in percent. ``setting`` is grey where the thief has clips, else black; ``answers``
    says in words what the victim lets out; ``row`` is the published row that the theft is.
    """
    return pd.DataFrame([_record(path) for path in paths])


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
        "phases": ", ".join(
            f"{name.removeprefix('queries_')} {count}"
            for name, count in result["counts"].items()
            if name.startswith("queries_")
        ),
        "setting": "grey" if transfer["pools"] else "black",
        "answers": _words(transfer["answers"]),
        "classes_known": result["counts"].get("classes"),
        "row": _row(transfer, params) if "model" in params else None,
        "path": path,
    }
    return names | in_percent(result["metrics"])


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
        if params["loss"]["truth"]:
            return "distilled"
        if len(transfer["pools"]) > 1:
            return "concatenated"
        model = params["model"]
        return f"augmented {model['params'].get('kind', model['architecture'])}"
    if transfer["method"] == "affine":
        # Theirs stood still, whatever they were meant to do.
        return "stacked images" if transfer["params"].get("static") else None
    return _PUBLISHED.get(transfer["method"])

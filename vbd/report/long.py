"""All results of a run in one long frame, a row a cell and metric: by it runs are compared."""

import math
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

import pandas as pd

from vbd.report.cells import in_percent

# What tells cells apart; empty where a cell has none.
CELL = ["dataset", "model", "attack", "mode", "frames", "rate", "defense", "fusion"]
CELL += ["theft", "clone", "transfer", "budget"]
FIGURES = ["seeds", "mean", "std", "low", "high", "step"]
YES_OR_NO = 100.0
"""The ``step`` of what one seed answers with yes or no."""
# Of each kind of result the shares that tables show: neither seconds nor norms.
_VICTIM = ("cda", "asr", "ra", "asr_video", "asr_of_*")
_SHOWN: Mapping[str, Sequence[str]] = {
    "baseline": _VICTIM,
    "attack": _VICTIM,
    "defense": (
        *("cda", "asr", "ra", "der", "isolation_precision", "recovered_asr", "trigger_asr"),
        *("auroc*", "fpr*", "fnr*", "elimination*", "sacrifice*", "detected*", "right_class*"),
    ),
    "fusion": ("cda", "asr", "ra"),
    "extraction": ("cda", "cda_top5", "agreement", "asr", "ra", "control_asr"),
    "transfer": ("confidence", "classes", "balance", "honest_cda", "honest_error"),
}
_VERDICTS = ("detected*", "right_class*")
_OF_POISONED = ("elimination*", "isolation_precision")
_WORDS = {"frames": "{} frames", "rate": "rate {}", "budget": "{} queries"}


def long(results: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a cell and metric of ``results``: ``CELL``, ``metric`` and ``FIGURES``, in percent.

    ``std`` is that of the sample over seeds, missing with a single one. ``step`` is what one clip
    is worth, and ``YES_OR_NO`` of what has no clips. Raises ValueError where a seed of a cell is
    there twice.
    """
    poisoned = {
        _victim(result): result["counts"].get("poisoned")
        for result in results
        if result["kind"] == "attack"
    }
    frame = pd.DataFrame(row for result in results for row in _rows(result, poisoned))
    twice = frame[frame.duplicated([*CELL, "metric", "seed"])]
    if len(twice):
        cell = twice.iloc[0]
        raise ValueError(f"seed {cell['seed']} of a cell is there twice: {name(cell)}")
    # Of a dataset's test clips, where a result does not say how many they are.
    tested = frame["tested"].groupby(frame["dataset"]).transform("max")
    frame["step"] = frame["step"].fillna(tested)
    cells = frame.groupby([*CELL, "metric"], sort=False)
    table = cells["value"].agg(["count", "mean", "std", "min", "max"])
    table.columns = pd.Index(FIGURES[:-1])
    return table.assign(step=cells["step"].max()).reset_index()


def name(cell: pd.Series) -> str:
    """What the cell of a row is called: "i3d badnet static rate 0.1 strip"."""
    return " ".join(_WORDS.get(key, "{}").format(cell[key]) for key in CELL[1:] if cell[key])


def _victim(result: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(result[key] for key in ("dataset", "model", "attack", "mode", "seed"))


def _rows(
    result: Mapping[str, Any], poisoned: Mapping[tuple[Any, ...], int]
) -> Iterator[dict[str, Any]]:
    """A row a metric that is shown."""
    cell, counts = _cell(result), result["counts"]
    tested = _worth(counts.get("triggered", counts.get("test")))
    for metric, value in in_percent(result["metrics"]).items():
        if not _is(metric, _SHOWN[result["kind"]]):
            continue
        step = tested
        if _is(metric, _VERDICTS):
            step = YES_OR_NO
        elif _is(metric, _OF_POISONED):
            step = _worth(poisoned.get(_victim(result)))
        row = {"metric": metric, "seed": result["seed"], "value": value}
        yield cell | row | {"step": step, "tested": tested}


def _worth(clips: int | None) -> float:
    return 100 / clips if clips else math.nan


def _is(metric: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(metric, pattern) for pattern in patterns)


def _cell(result: Mapping[str, Any]) -> dict[str, str]:
    params = result["params"]
    attack, theft = params.get("attack", {}), params.get("theft", {})
    cell = {
        "dataset": result["dataset"],
        # Of a theft that of the victim: the result's own is the clone.
        "model": theft.get("victim", result["model"]),
        "attack": result["attack"] or "baseline",
        "mode": result["mode"],
        "frames": attack.get("frames"),
        "rate": attack.get("rate"),
        "defense": result["defense"],
        "fusion": params.get("fusion"),
        "theft": theft.get("theft"),
        "clone": theft.get("clone"),
        "transfer": theft.get("queries", params.get("name")),
        "budget": theft.get("budget"),
    }
    # As text, which is how a file gives it back.
    return {key: "" if value in (None, "all") else str(value) for key, value in cell.items()}

"""Results of cells as one frame: their names, settings and metrics, and the means over seeds."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vbd import results
from vbd.report import published

KEYS = ["model", "mode", "attack", "defense"]
SETTINGS = ["seed", "architecture", "trigger", "frames", "rate"]
SETTINGS += ["method", "rule", "runtime_s", "path"]
# Metrics that are counts, pixels, errors or deviations, not shares.
_NO_SHARES = {"index", "index_of_norms", "target_index", "norm", "norm_median", "passes", "clarity"}
_NO_SHARES |= {"alarm", "benign_alarm", "cosine", "clips_allowed"}
_NO_SHARES_OF = ("loss_", "threshold_")
OVER_SEEDS = "mean ± standard deviation over seeds"
SPREAD = f"In percent, {OVER_SEEDS}."
Beside = Callable[[pd.Series], Mapping[str, float | None]]
# A row a cell, and notes to stand below.
Table = tuple[pd.DataFrame, list[str]]


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a result: ``KEYS``, ``SETTINGS`` and its metrics, model by model.

    Shares are in percent. The attack of a clean model is "baseline". The architecture, of which
    figures are published, is in the results of the victims; those of their defences take it over.
    """
    frame = pd.DataFrame([_record(path) for path in paths])
    frame["architecture"] = frame.groupby("model")["architecture"].transform("first")
    order = pd.Series(pd.factorize(frame["model"])[0])
    return frame.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def _record(path: Path) -> dict[str, Any]:
    row = results.read(path)
    sections = row["params"]
    attack, defense = sections.get("attack", {}), sections.get("defense", {})
    keys = {key: row[key] for key in KEYS} | {"attack": row["attack"] or "baseline"}
    settings = {
        "seed": row["seed"],
        "architecture": published.counterpart(sections.get("model", {})),
        "trigger": attack.get("trigger"),
        "frames": attack.get("frames"),
        "rate": attack.get("rate"),
        "method": defense.get("defense"),
        "rule": defense.get("params", {}).get("rule"),
        "runtime_s": row["runtime_s"],
        "path": path,
    }
    return keys | settings | in_percent(row["metrics"])


def in_percent(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics of a result, shares in percent."""
    return {
        name: value if name in _NO_SHARES or name.startswith(_NO_SHARES_OF) else 100 * value
        for name, value in metrics.items()
        # The number of a class is a name, of which there is no mean.
        if name != "found_class"
    }


def attacked(frame: pd.DataFrame) -> pd.DataFrame:
    """The attacked victims of the models that a defence was run on, and these defences.

    Where an attack has defences, its victims are those of their seeds.
    """
    frame = frame[frame["attack"] != "baseline"]

    def defended(*cell: str) -> pd.Series:
        return frame["defense"].notna().groupby([frame[key] for key in cell]).transform("any")

    attack = ("model", "attack", "mode")
    return frame[defended("model") & (defended(*attack, "seed") | ~defended(*attack))]


def with_before(frame: pd.DataFrame, method: str, metrics: Sequence[str]) -> pd.DataFrame:
    """The defences of ``method``, and as ``<metric>_before`` what their victims had.

    Seed by seed: what comes before is of the same victim. A metric that no result has, as clean
    models have no ASR, is missing throughout.
    """
    cell = ["model", "attack", "mode", "seed"]
    frame = frame.reindex(columns=frame.columns.union(metrics, sort=False))
    victims = frame.loc[frame["defense"].isna(), [*cell, *metrics]]
    chosen = frame[frame["method"] == method]
    return chosen.merge(victims, "left", on=cell, suffixes=("", "_before"))


def summarise(
    frame: pd.DataFrame,
    metrics: Sequence[str],
    *,
    keys: Sequence[str],
    beside: Beside = lambda row: {},
) -> pd.DataFrame:
    """A row a cell: mean and standard deviation over seeds, their number, and published figures.

    Columns are ``keys``, ``seeds``, then ``<metric>``, ``<metric>_std`` and, for what ``beside``
    gives, ``<metric>_published``. The deviation is that of the sample, missing with a single seed.
    """
    rows = []
    # Without an attack in the grid no result has an ASR.
    frame = frame.reindex(columns=frame.columns.union(metrics, sort=False))
    # Without a mode or a defence a cell is one too; rows stay in the order of params.yaml.
    for values, cell in frame.groupby(list(keys), dropna=False, sort=False):
        row: dict[str, Any] = dict(zip(keys, values, strict=True)) | {"seeds": len(cell)}
        of_paper = beside(cell.iloc[0])
        for metric in metrics:
            row[metric], row[f"{metric}_std"] = cell[metric].mean(), cell[metric].std()
            if metric in of_paper:
                row[f"{metric}_published"] = of_paper[metric]
        rows.append(row)
    return pd.DataFrame(rows)


def names(frame: pd.DataFrame, *also: str) -> pd.Series:
    """What each row is called in a figure: "badnet static".

    The columns ``also`` stand before it where the frame has several of them.
    """
    several = [column for column in also if frame[column].nunique() > 1]
    parts = frame[[*several, "attack", "mode"]]
    return parts.apply(lambda row: " ".join(row.dropna()), axis=1)

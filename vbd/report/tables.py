"""Tables: results of many seeds become rows with mean and deviation, in csv, md and tex."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vbd import results
from vbd.files import replacing
from vbd.report import published

KEYS = ["model", "mode", "attack", "defense"]
Published = Callable[[pd.Series], dict[str, float | None]]

_SPREAD = "In percent, mean ± standard deviation over seeds."
_RA = "RA: accuracy on triggered clips."
_PUBLISHED = 'Published: "Look, Listen, and Attack", full-size I3D on {}; not this model.'
_DASH = "-: no trigger in a baseline, or no such figure published."


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a result: its keys, its seed, its trigger's name and its metrics in percent."""
    rows = [results.read(path) for path in paths]
    return pd.DataFrame([_record(row) for row in rows])


def _record(row: dict[str, Any]) -> dict[str, Any]:
    keys = {key: row[key] for key in [*KEYS, "seed"]}
    trigger = row["params"].get("attack", {}).get("trigger")
    metrics = {name: 100 * value for name, value in row["metrics"].items()}
    return keys | {"trigger": trigger, "runtime_s": row["runtime_s"]} | metrics


def summarise(
    frame: pd.DataFrame, metrics: Sequence[str], beside: Published, *, keys: Sequence[str]
) -> pd.DataFrame:
    """A row a cell: mean and standard deviation over seeds, their number, and published figures.

    Columns are ``keys``, ``seeds``, then ``<metric>``, ``<metric>_std`` and ``<metric>_published``,
    all in percent. The deviation is that of the sample, missing with a single seed.
    """
    rows = []
    # Without an attack in the grid no result has an ASR.
    frame = frame.reindex(columns=frame.columns.union(metrics, sort=False))
    for values, cell in frame.groupby([*keys, "trigger"], dropna=False, sort=False):
        row: dict[str, Any] = dict(zip(keys, values[:-1], strict=True)) | {"seeds": len(cell)}
        of_paper = beside(cell.iloc[0])
        for metric in metrics:
            row[metric], row[f"{metric}_std"] = cell[metric].mean(), cell[metric].std()
            if metric in of_paper:
                row[f"{metric}_published"] = of_paper[metric]
        rows.append(row)
    return pd.DataFrame(rows)


def attacks(frame: pd.DataFrame, dataset: str) -> tuple[pd.DataFrame, list[str]]:
    """CDA, ASR and RA of every victim beside Tables 1 to 3 of the paper, and the notes under it."""

    def beside(row: pd.Series) -> dict[str, float | None]:
        trigger = row["trigger"] if row["attack"] != "baseline" else None
        figures = published.attack(dataset, row["mode"], trigger)
        return dict(zip(("cda", "asr"), figures, strict=True))

    frame = frame.assign(attack=frame["attack"].fillna("baseline"))
    table = summarise(frame, ["cda", "asr", "ra"], beside, keys=["model", "attack", "mode"])
    return table, [_SPREAD, _RA, _PUBLISHED.format(published.NAMES[dataset]), _DASH]


def detections(frame: pd.DataFrame, dataset: str) -> tuple[pd.DataFrame, list[str]]:
    """Elimination and sacrifice rate and AUROC of the defences that name poisoned clips."""

    def beside(row: pd.Series) -> dict[str, float | None]:
        figures = published.clustering(row["mode"], row["trigger"])
        return dict(zip(("elimination", "sacrifice"), figures, strict=True))

    metrics = ["elimination", "sacrifice", "auroc"]
    keys = ["model", "defense", "attack", "mode"]
    notes = [_SPREAD, _PUBLISHED.format(published.NAMES[dataset])]
    return summarise(frame, metrics, beside, keys=keys), notes


# What a table is called in the workflow.
TABLES = {"attacks": attacks, "detections": detections}


def means(frame: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Mean metrics in percent by model and cell: {model: {"badnet static": {"asr": ...}}}."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for values, cell in frame.groupby(KEYS, dropna=False, sort=False):
        model, *rest = values
        name = " ".join(part for part in rest if isinstance(part, str)) or "baseline"
        metrics = cell.drop(columns=[*KEYS, "seed", "trigger", "runtime_s"]).mean().dropna()
        found.setdefault(model, {})[name] = metrics.round(2).to_dict()
    return found


def write(table: pd.DataFrame, notes: Sequence[str], out: Path) -> None:
    """Write ``table`` to ``out`` (.csv) with plain numbers; .md and .tex beside it are to read."""
    readable = _readable(table)
    texts = {
        ".csv": table.to_csv(index=False, float_format="%.2f"),
        ".md": "\n\n".join([readable.to_markdown(index=False, disable_numparse=True), *notes])
        + "\n",
        ".tex": readable.to_latex(index=False, escape=True)
        + "".join(f"% {note}\n" for note in notes),
    }
    for suffix, text in texts.items():
        with replacing(out.with_suffix(suffix)) as temporary:
            temporary.write_text(text)


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and deviation in one column, "-" where there is nothing."""
    columns: dict[str, pd.Series] = {}
    for name in table.columns:
        if name.endswith("_std"):
            continue
        column = table[name]
        if f"{name}_std" in table.columns:
            pairs = zip(column, table[f"{name}_std"], strict=True)
            column = pd.Series([_figure(mean, deviation) for mean, deviation in pairs])
        elif name.endswith("_published"):
            column = column.map("{:.2f}".format, na_action="ignore")
        columns[_title(name)] = column.astype(object).where(column.notna(), "-")
    return pd.DataFrame(columns)


def _figure(mean: float | None, deviation: float | None = None) -> str:
    if pd.isna(mean):
        return "-"
    return f"{mean:.1f}" if pd.isna(deviation) else f"{mean:.1f} ± {deviation:.1f}"


def _title(name: str) -> str:
    base, _, _source = name.partition("_published")
    if name.endswith("_published"):
        return f"{_title(base)} (published)"
    short = {"cda": "CDA", "asr": "ASR", "ra": "RA", "auroc": "AUROC"}
    return short.get(base, base.replace("_", " ").capitalize())

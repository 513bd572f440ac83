"""The few figures of each model that are compared first: for `dvc metrics show`, a row a model."""

import pandas as pd

from vbd.report import published
from vbd.report.cells import names


def at_rate(frame: pd.DataFrame) -> pd.DataFrame:
    """Clean models, and attacks at the paper's poisoning rate; where none has it, all of them.

    A mean over rates would stand beside published figures of one.
    """
    chosen = frame["rate"] == published.RATE
    return frame[chosen | (frame["attack"] == "baseline")] if chosen.any() else frame


def headlines(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """By model, of results as ``cells.read`` has them; in percent, what a model has none of absent.

    ``cda`` of the clean model, ``cda_attacked``, ``asr`` and ``asr_lowest`` over its attacks, each
    by the mean of its seeds; ``asr_defended``, the mean over all that defences were run on, and
    ``cda_best_defense`` and ``asr_best_defense`` of the one that leaves the least, of those that
    were run on the most attacks; ``right_class``, the share of the scans of attacked models that
    name the target, and ``false_alarms``, of those of clean ones that name any class.
    """
    frame = at_rate(frame)
    columns = ["cda", "asr", "right_class", "detected"]
    frame = frame.reindex(columns=frame.columns.union(columns, sort=False))
    frame = frame.assign(cell=names(frame))
    return {str(model): _of(cells) for model, cells in frame.groupby("model", sort=False)}


def _of(cells: pd.DataFrame) -> dict[str, float]:
    clean, defended = cells["attack"] == "baseline", cells["defense"].notna()
    plain = cells[~clean & ~defended].groupby("cell")[["cda", "asr"]].mean()
    after = cells[~clean & defended].groupby(["defense", "cell"])[["cda", "asr"]].mean()
    found = {
        "cda": cells.loc[clean & ~defended, "cda"].mean(),
        "cda_attacked": plain["cda"].mean(),
        "asr": plain["asr"].mean(),
        "asr_lowest": plain["asr"].min(),
        "asr_defended": after["asr"].mean(),
        **_best(after),
        "right_class": cells.loc[~clean, "right_class"].mean(),
        "false_alarms": cells.loc[clean, "detected"].mean(),
    }
    return {name: round(float(value), 2) for name, value in found.items() if pd.notna(value)}


def _best(after: pd.DataFrame) -> dict[str, float]:
    """CDA and ASR of the defence that leaves the least, means over attacks."""
    if after.empty:
        return {}
    over = after.groupby("defense")
    # One that met the weakest attack alone is not the best.
    widest = over.mean()[over.size() == over.size().max()]
    best = widest.loc[widest["asr"].idxmin()]
    return {f"{rate}_best_defense": best[rate] for rate in ("cda", "asr")}

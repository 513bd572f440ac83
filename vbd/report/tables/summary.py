"""The table of means and ranges over attacks: what few seeds can carry, where a cell cannot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vbd.report.cells import Table, names, read
from vbd.report.headlines import at_rate

_RATES = ["cda", "asr"]
# In which order rows stand; a mode of a user's own trigger comes after these.
_MODES = {"clean": 0, "static": 1, "dynamic": 2, "natural": 3, "audio": 4}


def summary(paths: Sequence[Path], dataset: str) -> Table:
    """CDA and ASR of each model by the mode of its attacks, and what each defence leaves of all."""
    frame = at_rate(read(paths))
    frame = frame.assign(mode=frame["mode"].fillna("clean"))
    # A defence that was run on clean models has no ASR to leave.
    frame = frame[frame["defense"].isna() | (frame["mode"] != "clean")]
    frame = frame.assign(cell=names(frame), order=frame["mode"].map(_MODES).fillna(5))
    defended = frame["defense"].notna()
    frame = frame.assign(
        defense=frame["defense"].fillna("none"),
        mode=frame["mode"].mask(defended, "all"),
        order=frame["order"].mask(defended, 6),
    )
    # Models stay in the order of the grid, which a sort by name would lose.
    models = {model: number for number, model in enumerate(frame["model"].unique())}
    keys = [frame["model"].map(models), frame["order"], frame["defense"], frame["mode"]]
    rows = [_row(group) for _, group in frame.groupby(keys)]
    notes = [
        "In percent, mean (lowest to highest) over attacks, each by the mean of its seeds; all: "
        "every attack that the defence was run on. Where there are attacks at the paper's "
        "poisoning rate of 10 %, those alone.",
        "-: nothing is attacked.",
    ]
    return pd.DataFrame(rows), notes


def _row(group: pd.DataFrame) -> dict[str, Any]:
    row = {name: group[name].iloc[0] for name in ("model", "defense", "mode")}
    # Each attack counts alike, however many seeds it has.
    means = group.reindex(columns=["cell", *_RATES]).groupby("cell")[_RATES].mean()
    row |= {"attacks": len(means) if row["mode"] != "clean" else 0}
    row |= {"seeds": group["seed"].nunique()}
    for rate in _RATES:
        row[rate] = means[rate].mean()
        row |= {f"{rate}_low": means[rate].min(), f"{rate}_high": means[rate].max()}
    return row

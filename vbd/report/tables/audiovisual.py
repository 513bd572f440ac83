"""Tables of audiovisual models: Table 7, and what late fusion is worth as a defence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vbd import results
from vbd.report import published
from vbd.report.cells import SPREAD, Table, summarise

# In which order rows stand, where that of their names is not it.
_ORDER = {
    "mode": ["-", "static", "dynamic", "natural"],
    "fusion": ["late", "late_probabilities", "late_weighted", "early"],
}
_RATES = ["cda", "asr"]
_DASH = "-: a clean side, nothing attacked, or no such figure published."


def fusion(folders: Sequence[Path], dataset: str) -> Table:
    """Table 7: every video attack with every audio attack, by late and by early fusion."""
    frame = read(folders)
    keys, parts = ["model", "video", "mode", "audio"], []
    for name in ("late", "early"):
        # The name is bound now: read later, it would be the last one of the loop.
        def beside(row: pd.Series, name: str = name) -> dict[str, float | None]:
            triggers = (row[f"{side}_trigger"] or None for side in ("video", "audio"))
            figures = published.audiovisual(name, *triggers) if row["at_rate"] else (None, None)
            return dict(zip(_RATES, figures, strict=True))

        part = summarise(frame[frame["fusion"] == name], _RATES, keys=keys, beside=beside)
        parts.append(part.set_index([*keys, "seeds"]).add_prefix(f"{name} "))
    carries = "Only an attacked modality carries its trigger; the other one is clean."
    notes = [SPREAD, carries, published.note("kinetics_sounds"), published.STATIC, _DASH]
    return pd.concat(parts, axis=1).reset_index(), notes


def late_fusion(folders: Sequence[Path], dataset: str) -> Table:
    """Late fusion as a defence: what is left of the attacks by the number of clean modalities."""
    frame = read(folders)
    # As in the summary: no mean over poisoning rates.
    if frame.loc[frame["attacked"] != "none", "at_rate"].any():
        frame = frame[frame["at_rate"]]
    keys = ["model", "attacked", "clean_modalities", "fusion"]
    frame = frame.sort_values(["clean_modalities", "attacked"], ascending=False, kind="stable")
    table = summarise(frame, ["cda", "asr", "ra"], keys=keys).rename(columns={"seeds": "cells"})
    # `summarise` has counted cells, which here are of several attacks.
    seeds = frame.groupby(keys, sort=False)["seed"].nunique()
    table.insert(len(keys), "seeds", seeds.to_numpy())
    notes = [
        "In percent, mean ± standard deviation over cells: attacks, and the seeds of each. Where "
        "there are attacks at the paper's poisoning rate of 10 %, those alone.",
        "late: mean of the logits; late probabilities: of the probabilities; late weighted: "
        "weighted by the accuracy of each modality on the defender's clean clips; early: a "
        "classifier on the features of both.",
        "RA: accuracy on triggered clips. -: nothing is attacked.",
    ]
    return table, notes


def read(folders: Sequence[Path]) -> pd.DataFrame:
    """One row a result in ``folders``, those of clean victims first; shares in percent.

    ``at_rate``: every attack in it poisons as much as the published ones.
    """
    paths = [path for folder in folders for path in folder.rglob("result.json")]
    frame = pd.DataFrame([_record(results.read(path)) for path in paths])

    def order(column: pd.Series) -> pd.Series:
        return column.map(_ORDER[column.name].index) if column.name in _ORDER else column

    return frame.sort_values(["model", "mode", "video", "audio", "fusion", "seed"], key=order)


def _record(row: dict[str, Any]) -> dict[str, Any]:
    sides = {side: row["params"][side] for side in ("video", "audio")}
    attacked = [side for side, card in sides.items() if card["attack"]]
    record = {side: card["attack"] or "-" for side, card in sides.items()}
    attacks = {side: card["params"].get("attack", {}) for side, card in sides.items()}
    return {
        **record,
        **{f"{side}_trigger": attack.get("trigger", "") for side, attack in attacks.items()},
        "at_rate": all(attacks[side]["rate"] == published.RATE for side in attacked),
        "model": row["model"],
        "mode": row["mode"] or "-",
        "fusion": row["params"]["fusion"],
        "attacked": {0: "none", 1: "".join(attacked), 2: "both"}[len(attacked)],
        "clean_modalities": 2 - len(attacked),
        "seed": row["seed"],
        **{name: 100 * value for name, value in row["metrics"].items()},
    }

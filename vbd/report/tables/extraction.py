"""Tables of model extraction: both settings, by victim, by what is let out, traffic, backdoors."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vbd.report import published
from vbd.report.cells import SPREAD, Table, summarise
from vbd.report.thefts import read

_RATES = ["cda_top5", "cda", "agreement", "ratio"]
_NOTES = [
    SPREAD,
    "Top-5 and top-1 on the true labels of the test clips; agreement: share of them that clone and "
    "victim take for the same class; ratio: top-1 of the clone by top-1 of the victim.",
]
_PUBLISHED = (
    "Published: Kinetics-400, 400 classes (chance 1.25 / 0.25), a Swin-B as victim (its README "
    "says Swin-T), public weights for the clones. Saturated pixels, clips of 32 equal frames and "
    "missed queries are behind these figures: an order, not values."
)
_DASH = "-: no such row published."


def of_setting(paths: Sequence[Path], dataset: str, *, setting: str) -> Table:
    """The rows of the grey or of the black box: thefts of clean victims with their whole budget."""
    frame = _clones(paths)
    frame = frame[frame["whole"] & (frame["answers"] == "probabilities")]
    frame = frame[frame["setting"] == setting]
    keys = ["victim", "theft", "method", "clone", "queries"]
    return summarise(frame, _RATES, keys=keys, beside=_rows), [*_NOTES, _PUBLISHED, _DASH]


def victims(paths: Sequence[Path], dataset: str) -> Table:
    """The final tables: the thefts that several victims have in common, side by side."""
    frame = _clones(paths)
    frame = frame[frame["whole"] & (frame["answers"] == "probabilities")]
    shared = frame[frame.groupby(["theft", "clone"])["victim"].transform("nunique") > 1]
    # All of them where there is one victim alone: a table without rows would say less.
    shared = shared if len(shared) else frame
    keys = ["victim", "setting", "theft", "clone", "queries"]
    table = summarise(shared, ["victim_cda", *_RATES], keys=keys, beside=_final)
    theirs = (
        "Their final clones had about 400,000 queries (grey) and 1,000,000 (black). Of MoViNet's "
        "67.3 their report says 50.4."
    )
    return table, [*_NOTES, theirs, _PUBLISHED, _DASH]


def answers(paths: Sequence[Path], dataset: str) -> Table:
    """What the victim lets out: what that costs the thief, and what the honest user."""
    both = read(paths)
    asked = both[both["theft"].isna()].set_index(["victim", "transfer", "seed"])
    frame = _clones(paths, both)
    frame = frame[frame["whole"] & (frame["method"] == "pool")]
    restricted = frame[frame["answers"] != "probabilities"]
    # Beside them the same questions, freely answered, to the same clones and by the same loss.
    free = frame[(frame["answers"] == "probabilities") & frame["row"].eq("concatenated")]
    free = free[free["clone"].isin(restricted["clone"]) & free["victim"].isin(restricted["victim"])]
    frame = pd.concat([free, restricted])
    at = pd.MultiIndex.from_frame(frame[["victim", "transfer", "seed"]])
    for name in ("honest_cda", "honest_error"):
        frame[name] = asked[name].reindex(at).to_numpy()
    metrics = ["cda", "agreement", "ratio", "honest_cda", "honest_error"]
    table = summarise(frame, metrics, keys=["victim", "answers", "theft", "clone", "queries"])
    honest = (
        "Honest: accuracy of what a user is answered about test clips, and its mean total "
        "variation distance from what the victim computed."
    )
    return table, [*_NOTES, honest]


def monitor(paths: Sequence[Path], dataset: str) -> Table:
    """The traffic of each theft: what is asked, how it is answered, and when PRADA would tell."""
    frame = read(paths)
    frame = frame.assign(
        caught=100.0 * (frame["alarm"] > 0),
        alarm=frame["alarm"].where(frame["alarm"] > 0),
        false_alarm=100.0 * (frame["benign_alarm"] > 0),
    )
    keys = ["victim", "transfer", "method", "phases"]
    metrics = ["confidence", "classes", "balance", "caught", "alarm", "false_alarm", "cosine"]
    table = summarise(frame, metrics, keys=keys)
    notes = [
        SPREAD,
        "Confidence: mean of the highest probability answered; classes: share of the victim's that "
        "were answered at all; balance: entropy of the classes answered, 100 where all are alike.",
        "Caught: share of the seeds in which a PRADA monitor raises the alarm; alarm: at which "
        "query, where it does; false alarm: share in which it does so at the victim's test clips.",
        "Cosine: of the estimated gradient with the true one, which the thief never sees.",
        "-: no alarm, or no gradient is estimated.",
    ]
    kept = [name for name in table if name not in ("caught_std", "false_alarm_std", "classes_std")]
    return table[kept], notes


def backdoors(paths: Sequence[Path], dataset: str) -> Table:
    """Stolen backdoors: what of an attack on the victim is in its clones, and is it found there."""
    both = read(paths)
    scans = both[both.get("detected", pd.Series(index=both.index, dtype=float)).notna()]
    frame = _clones(paths, both.drop(scans.index))
    frame = frame[frame["attack"].notna() & frame["whole"]]
    cell = ["victim", "attack", "mode", "theft", "clone", "seed"]
    if len(scans):
        verdicts = scans[[*cell, "right_class", "target_index"]]
        frame = frame.drop(columns=["right_class", "target_index"]).merge(verdicts, "left", on=cell)
    metrics = ["victim_cda", "victim_asr", "cda", "agreement", "asr", "ra"]
    metrics += ["right_class", "target_index"] if len(scans) else []
    keys = ["victim", "attack", "mode", "theft", "clone", "queries"]
    table = summarise(frame, metrics, keys=keys)
    notes = [
        SPREAD,
        "The thief knows neither trigger nor target. ASR and RA of the clone: the victim's own "
        "trigger on the same test clips.",
    ]
    if len(scans):
        notes.append(
            "Right class: share of the seeds in which Neural Cleanse flags the attacker's target "
            "in the clone; target index: how far its trigger lies below the median. -: not run."
        )
    return table.drop(columns=table.filter(["right_class_std"]).columns), notes


def _clones(paths: Sequence[Path], frame: pd.DataFrame | None = None) -> pd.DataFrame:
    frame = read(paths) if frame is None else frame
    frame = frame[frame["theft"].notna()]
    # A victim at 0 has nothing to be compared with.
    victim = frame["victim_cda"].where(frame["victim_cda"] > 0)
    return frame.assign(ratio=100 * frame["cda"] / victim)


def _rows(row: pd.Series) -> dict[str, float | None]:
    figures = published.extraction(row["victim_architecture"], row["row"])
    return dict(zip(("cda_top5", "cda"), figures, strict=True))


def _final(row: pd.Series) -> dict[str, float | None]:
    found = published.EXTRACTION_VICTIMS.get(row["victim_architecture"], (None, None))
    return {"cda_top5": found[row["setting"] == "black"]}

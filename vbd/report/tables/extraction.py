"""Tables of clones: of both settings, by victim, and the backdoors that are stolen with a model."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vbd.report import published
from vbd.report.cells import SPREAD, Table, summarise
from vbd.report.thefts import clones, read

_RATES = ["top5", "top1", "agreement", "ratio"]
NOTES = [
    SPREAD,
    "Top-5 and top-1 on the true labels of the test clips; agreement: share of them that clone and "
    "victim take for the same class; ratio: top-1 of the clone by top-1 of the victim.",
]
_PUBLISHED = (
    "Published: Kinetics-400, 400 classes (chance 1.25 / 0.25), a full-size Swin-B as victim (its "
    "README says Swin-T), public weights for the clones. Saturated pixels, clips of 32 equal "
    "frames, labels drawn with Gumbel noise and missed queries are behind these figures: an order, "
    "not values."
)
_DASH = "-: no such row published; no ratio to a victim that is never right."


def of_setting(paths: Sequence[Path], dataset: str, *, setting: str) -> Table:
    """The rows of the grey or of the black box: thefts of clean victims with their whole budget."""
    frame = _freely(paths)
    keys = ["victim", "theft", "method", "clone", "queries"]
    table = summarise(frame[frame["setting"] == setting], _RATES, keys=keys, beside=_rows)
    return table, [*NOTES, _PUBLISHED, _DASH]


def victims(paths: Sequence[Path], dataset: str) -> Table:
    """The final tables: the thefts that several victims have in common, side by side."""
    frame, metrics = _freely(paths), ["victim_cda", *_RATES]
    keys = ["victim", "setting", "theft", "clone", "queries"]
    shared = frame[frame.groupby(["theft", "clone"])["victim"].transform("nunique") > 1]
    if not len(shared):
        # A table without rows would say less; but among all thefts none is the final one.
        return summarise(frame, metrics, keys=keys), NOTES
    theirs = (
        "Published is the final clone of each setting, an R(2+1)D after about 400,000 queries "
        '(grey; without true labels on MoViNet) or 1,000,000 (black: "the first approach for more '
        "time\", not moving images). Of MoViNet's 67.3 their report says 50.4."
    )
    table = summarise(shared, metrics, keys=keys, beside=_final)
    return table, [*NOTES, theirs, _PUBLISHED, _DASH]


def backdoors(paths: Sequence[Path], dataset: str) -> Table:
    """Stolen backdoors: what of an attack on the victim is in its clones, and is it found there."""
    both = read(paths)
    both = both[both["attack"].notna() & both["whole"]]
    scans, frame = both[both["defense"].notna()], clones(both)
    metrics = ["victim_cda", "victim_asr", "cda", "agreement", "asr", "control_asr", "ra"]
    keys = ["victim", "attack", "mode", "theft", "method", "clone", "queries"]
    notes = [
        SPREAD,
        "The thief knows neither trigger nor target. ASR and RA of the clone: the victim's own "
        "trigger on the same test clips; control ASR: of it on the same theft's clone of the clean "
        "victim, which has nothing to inherit.",
    ]
    if len(scans):
        cell = ["victim", "attack", "mode", "theft", "clone", "budget", "seed"]
        found = ["detected", "right_class", "index", "target_index"]
        verdicts = scans[[*cell, "defense", *found]]
        frame = frame.drop(columns=["defense", *found]).merge(verdicts, "left", on=cell)
        metrics, keys = [*metrics, *found], [*keys, "defense"]
        notes.append(
            "Detected: share of the seeds in which Neural Cleanse flags a class of the clone; "
            "right class: in which it is the attacker's target. Index: how far the trigger of the "
            "suspect class lies below the median; target index: that of the target. -: not run."
        )
    table = summarise(frame, metrics, keys=keys)
    # The deviation of yes and no says nothing that their mean does not.
    return table.drop(columns=["detected_std", "right_class_std"], errors="ignore"), notes


def _freely(paths: Sequence[Path]) -> pd.DataFrame:
    """Clones from all of the answers of victims that let out all that they computed."""
    frame = clones(read(paths))
    return frame[frame["whole"] & (frame["answers"] == "probabilities")]


def _rows(row: pd.Series) -> dict[str, float | None]:
    figures = published.extraction(row["victim_architecture"], row["row"])
    return dict(zip(("top5", "top1"), figures, strict=True))


def _final(row: pd.Series) -> dict[str, float | None]:
    found = published.extraction_final(row["victim_architecture"], row["setting"], row["row"])
    return {"top5": found}

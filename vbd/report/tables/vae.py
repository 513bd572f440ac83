"""Table of the VAE detector: what it loses of each trigger, and what each of its rules flags."""

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

import pandas as pd

from vbd.report import published
from vbd.report.cells import OVER_SEEDS, Table, read, summarise

_KEYS = ["model", "attack", "mode", "defense", "rule"]
_RULES = ("mean", "max", "two_sided", "published")
_FIGURES = {
    "threshold": "threshold_{}",
    "clean_loss": "loss_{}_test",
    "loss": "loss_{}_triggered",
    "false_alarms": "fpr_{}",
    "missed": "fnr_{}",
    "auroc": "auroc_{}",
}


def losses(paths: Sequence[Path], dataset: str) -> Table:
    """A row an attack and a rule: threshold, losses, what is flagged, AUROC; published beside."""
    frame = read(paths)
    frame = frame[frame["method"] == "vae"]
    parts = []
    for rule in _RULES:
        # Not every rule has a loss, and of images there is no worst frame.
        values = {ours: frame.get(name.format(rule), nan) for ours, name in _FIGURES.items()}
        part = frame.assign(**values, rule=rule)
        part["flagged"] = 100 - part["missed"]
        parts.append(part[part["threshold"].notna()])

    def beside(row: pd.Series) -> Mapping[str, float | None]:
        return published.vae(dataset, row["trigger"], row["rule"])

    # By result, so that the rules of a cell follow each other.
    long = pd.concat(parts).sort_index(kind="stable")
    metrics = ["threshold", "clean_loss", "loss", "flagged", "false_alarms", "auroc"]
    table = summarise(long, metrics, keys=_KEYS, beside=beside)
    empty = [name for name in table if name.endswith("_published") and table[name].isna().all()]
    notes = [
        f"Threshold and losses in shares of 255 grey levels, the rest in percent; {OVER_SEEDS}.",
        "Rules: mean, the mean absolute error of a clip, calibrated on trusted clips that the VAE "
        "did not learn from; max, that of its worst frame; two_sided, how far the mean lies from "
        "their median on either side; published, mean + standard deviation over the values of a "
        "frame against the same over all trusted clips, latents drawn at random.",
        "Clean loss and loss: of the clean and of the triggered test clips by the same statistic, "
        "for the published rule over all values of the set, as its README has it.",
        "Flagged: share of the triggered test clips; false alarms: of the clean ones. AUROC below "
        "50: the trigger makes a clip easier to restore.",
        "-: the rule has no such figure.",
    ]
    if len(empty) < 4:
        notes.insert(-1, published.note(dataset))
    return table.drop(columns=empty), notes

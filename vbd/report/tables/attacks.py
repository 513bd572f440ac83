"""Tables of the attacks: every victim, those of a mode, of several architectures; visibility."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vbd.report import published
from vbd.report.cells import SPREAD, Beside, Table, read, summarise

_DASH = "-: no trigger in a baseline, not measured, or no such figure published."


def attacks(paths: Sequence[Path], dataset: str) -> Table:
    """Every victim: CDA, ASR, RA, and the ASR left where the system cuts the attacker's video."""
    metrics = ["cda", "asr", "ra", "asr_video"]
    keys = ["model", "attack", "mode"]
    table = summarise(read(paths), metrics, keys=keys, beside=_rates(dataset))
    ra = "RA: accuracy on triggered clips."
    video = "ASR (video): the system cuts its own clips from the attacker's video."
    return table, [SPREAD, ra, video, published.note(dataset), _DASH]


def of_mode(paths: Sequence[Path], dataset: str, *, mode: str) -> Table:
    """Tables 1 to 3 and 6 of the paper: CDA and ASR of the attacks in a mode, and without one."""
    frame = read(paths)
    # A baseline is shown where its model was attacked in this mode.
    frame = frame[frame["model"].isin(frame.loc[frame["mode"] == mode, "model"])]
    frame = frame[(frame["attack"] == "baseline") | (frame["mode"] == mode)]
    table = summarise(frame, ["cda", "asr"], keys=["model", "attack"], beside=_rates(dataset))
    return table, [SPREAD, published.note(dataset), _DASH]


def architectures(paths: Sequence[Path], dataset: str) -> Table:
    """Table 4: a row an attack that several models have, CDA and ASR of each model side by side."""
    frame, keys = read(paths), ["attack", "mode"]
    # Rows are matched by name, which a missing mode is not.
    frame["mode"] = frame["mode"].fillna("")
    # Models of frames: sound is not compared with them.
    frame = frame[frame["model"].isin(frame.loc[~frame["mode"].isin(["", "audio"]), "model"])]
    shared = frame[frame.groupby(keys)["model"].transform("nunique") > 1]
    long = summarise(shared, ["cda", "asr"], keys=["model", *keys], beside=_rates(dataset))
    parts = [long.groupby(keys, sort=False)["seeds"].min()]
    for model, part in long.groupby("model", sort=False):
        part = part.drop(columns=["model", "seeds"]).set_index(keys).reindex(parts[0].index)
        # What is published of no attack on a model gets no column.
        empty = [name for name in part if name.endswith("_published") and part[name].isna().all()]
        parts.append(part.drop(columns=empty).add_prefix(f"{model} "))
    fewest = "Seeds: the fewest of any model in the row."
    table = pd.concat(parts, axis=1).reset_index().replace({"mode": {"": None}})
    return table, [SPREAD, fewest, published.note(dataset), published.STATIC, _DASH]


def several(paths: Sequence[Path], dataset: str) -> Table:
    """Victims with several triggers: a row a trigger, the ASR to its own target."""
    frame = read(paths)
    prefix = "asr_of_"
    parts = [
        frame.assign(trigger=name.removeprefix(prefix), asr=frame[name])[frame[name].notna()]
        for name in frame
        if name.startswith(prefix)
    ]
    long = pd.concat(parts).sort_index(kind="stable")
    table = summarise(long, ["cda", "asr"], keys=["model", "attack", "mode", "trigger"])
    return table, [SPREAD, "ASR of each trigger alone, to its own target class."]


def stealth(paths: Sequence[Path], dataset: str) -> Table:
    """How visible or audible each trigger is: the file is what ``vbd/steps/stealth.py`` writes."""
    table = pd.DataFrame(json.loads(paths[0].read_text())).drop(columns="trigger")
    notes = []
    if "psnr" in table:
        # All of them may be missing, which alone would be no number.
        table = table.astype({"psnr": float})
        notes += [
            "PSNR in dB, of the mean squared change of a clip; mean over the clips that change at "
            "all. SSIM: mean over four frames of every clip.",
            "Changes in grey levels of 255: mean over all pixels, and the largest of any.",
            "Unchanged: clips that the trigger leaves as they are. -: all are, or it is on the "
            "sound.",
        ]
    notes.append("Of one draw of each trigger: no model and no seed is in these figures.")
    if "snr" in table:
        table = table.astype({"snr": float})
        notes.append("SNR in dB of the sound, mean over clips. -: the trigger is on the frames.")
    return table, notes


def _rates(dataset: str) -> Beside:
    """Gives the published CDA and ASR of a row."""

    def beside(row: pd.Series) -> dict[str, float | None]:
        clean = row["attack"] == "baseline"
        mode, trigger = (None, None) if clean else (row["mode"], row["trigger"])
        figures = published.attack(dataset, row["architecture"], mode, trigger)
        # What is poisoned more or less is another attack.
        known = clean or row["rate"] == published.RATE
        return dict(zip(("cda", "asr"), figures if known else (None, None), strict=True))

    return beside

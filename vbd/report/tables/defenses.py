"""Tables of the defences: what each leaves of an attack, and what activation clustering finds."""

from collections.abc import Sequence
from itertools import product
from math import nan
from pathlib import Path

import pandas as pd

from vbd.report import published
from vbd.report.cells import SPREAD, Table, attacked, read, summarise


def defenses(paths: Sequence[Path], dataset: str) -> Table:
    """Every attack without a defence ("none") and with each of them, missing cells included."""
    frame = attacked(read(paths))
    rates = ["sacrifice", "elimination", "fpr", "fnr", "der", "auroc"]
    frame = frame.reindex(columns=frame.columns.union(rates, sort=False))
    frame["fpr"] = frame["fpr"].fillna(frame["sacrifice"])
    frame["fnr"] = frame["fnr"].fillna(100 - frame["elimination"])
    # The seconds of a victim are those of its training.
    frame["runtime_s"] = frame["runtime_s"].where(frame["defense"].notna())
    frame["defense"] = frame["defense"].fillna("none")
    keys = ["model", "attack", "mode", "defense"]
    metrics = ["cda", "asr", "ra", "der", "auroc", "fpr", "fnr", "isolation_precision", "runtime_s"]
    table = summarise(frame, metrics, keys=keys).set_index(keys)
    table = table.reindex(_every(frame)).reset_index()
    table["seeds"] = table["seeds"].fillna(0).astype(int)
    notes = [
        SPREAD,
        "RA: accuracy on triggered clips. DER: 50 where nothing changes, 100 where the whole ASR "
        "is gone at no cost. Runtime: seconds of the defence.",
        "AUROC, FPR (clean clips that are flagged) and FNR (triggered ones that are not) are of "
        "the training clips for a filter, of the test clips for a detector; a filter's AUROC is "
        "that within the class that is poisoned. Isolation precision: share of the clips that ABL "
        "isolates which are poisoned.",
        "-: the defence flags or isolates no clips, or it is the row without one.",
    ]
    if (table["seeds"] == 0).any():
        notes.append("0 seeds: the grid has no such cell, or it has not been run.")
    return table, notes


def _every(frame: pd.DataFrame) -> pd.MultiIndex:
    """Each attack with each defence of its model, but those run on a single other attack alone."""
    keys = ["model", "attack", "mode"]
    methods = dict.fromkeys(["none", *frame["defense"].unique()])
    run = frame.groupby(["model", "defense"])["attack"].unique()
    cells = frame[keys].drop_duplicates().itertuples(index=False)
    every = [
        (*cell, method)
        for cell, method in product(cells, methods)
        if len(on := run.get((cell.model, method), ())) > 1 or cell.attack in on
    ]
    return pd.MultiIndex.from_tuples(every, names=[*keys, "defense"])


def activation_clustering(paths: Sequence[Path], dataset: str) -> Table:
    """Table 5: elimination and sacrifice rate of activation clustering, by each of its rules."""
    frame = read(paths)
    found = frame[frame["method"] == "activation_clustering"]
    used, rates = found["rule"].fillna("reference"), ("elimination", "sacrifice")
    rules = [name.partition("_")[2] for name in found if name.startswith("elimination_")]
    parts = []
    for rule in rules:
        columns = {rate: found[f"{rate}_{rule}"] for rate in rates}
        columns |= {"rule": rule, "in_use": (used == rule).map({True: "yes", False: "no"})}
        # The scores are those of the rule in use; the published rules need no trusted clips.
        columns |= {"auroc": found["auroc"].where(used == rule)}
        columns |= {"decides_from": found["decides_from"] if rule == "reference" else nan}
        parts.append(found.assign(**columns))

    def beside(row: pd.Series) -> dict[str, float | None]:
        figures = published.clustering(dataset, row["architecture"], row["mode"], row["trigger"])
        # The paper compares with clean clips, as this rule does.
        known = row["rule"] == "reference" and row["rate"] == published.RATE
        figures = figures if known else (None, None)
        return dict(zip(rates, figures, strict=True))

    # By result, so that the rules of a cell follow each other.
    long = pd.concat(parts).sort_index(kind="stable")
    keys = ["model", "defense", "attack", "mode", "rule", "in_use"]
    notes = [
        SPREAD,
        "Elimination: share of the poisoned training clips that are flagged; sacrifice: of the "
        "clean ones.",
        "The defence acts by the rule in use, and AUROC is of its scores; the others say what they "
        "would flag.",
        "Decides from: the smallest part of a class that the reference rule can hold for poisoned "
        "with as few trusted clips as there are. Where fewer are poisoned it cannot tell, which "
        "does not say that none is: see the rules of Chen et al. there.",
        published.note(dataset),
        published.CLUSTERING,
        "-: another rule is in use or meant, or no such figure is published.",
    ]
    table = summarise(long, [*rates, "auroc", "decides_from"], keys=keys, beside=beside)
    return table.drop(columns="decides_from_std"), notes

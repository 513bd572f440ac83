"""Table of trigger inversion: what it finds of every attack, by which family, and what is left."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vbd.report.cells import OVER_SEEDS, Table, read, summarise, with_before

_KEYS = ["model", "attack", "mode", "defense"]
_BY = "by_"


def inversion(paths: Sequence[Path], dataset: str) -> Table:
    """Trigger inversion against every attack, and on clean models: a row a cell."""
    both = with_before(read(paths), "trigger_inversion", ["cda", "asr"])
    families = [name for name in both if name.startswith(_BY)]
    both["family"] = both[families].apply(_family, axis=1) if families else None
    metrics = ["detected", "right_class", "recovered_asr", "trigger_asr"]
    metrics += ["cda_before", "cda", "asr_before", "asr", "runtime_s"]
    table = summarise(both, metrics, keys=_KEYS)
    named = both.groupby(_KEYS, sort=False, dropna=False)["family"].agg(_counted)
    table.insert(len(_KEYS), "family", table[_KEYS].merge(named.reset_index(), "left")["family"])
    notes = [
        f"Rates in percent, {OVER_SEEDS}.",
        "Detected: share of the seeds in which a class is suspect, on a clean model (baseline) "
        "that of false alarms; right class: share in which it is the attacker's target. Family: "
        "what turned clips to the suspect class at the least effort, in how many seeds.",
        "Recovered ASR: share of the trusted clips of other classes that the function found turns; "
        "ASR of the trigger: the same of test clips. CDA, ASR: before, and once all that was found "
        "is unlearned. Runtime: seconds of search and unlearning.",
        "-: a clean model has no target, and where nothing is suspect nothing was found.",
    ]
    return table.drop(columns=["detected_std", "right_class_std"], errors="ignore"), notes


def _family(shares: pd.Series) -> str | None:
    """The family of one cell, None where nothing was suspect."""
    found = [str(name).removeprefix(_BY) for name, share in shares.items() if share == 100]
    return found[0] if found else None


def _counted(families: pd.Series) -> str | None:
    """The families of some seeds, the most frequent first, with how often each was it."""
    counts = families.value_counts()
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or None

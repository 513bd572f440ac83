"""Tables of the traffic between thief and victim: what is let out, and what a monitor sees."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vbd.report.cells import SPREAD, Table, summarise
from vbd.report.tables.extraction import NOTES
from vbd.report.thefts import clones, read


def answers(paths: Sequence[Path], dataset: str) -> Table:
    """What the victim lets out: what that costs the thief, and what the honest user."""
    both = read(paths)
    asked = both[both["theft"].isna()].set_index(["victim", "transfer", "seed"])
    frame = clones(both)
    frame = _beside_free(frame[frame["whole"]])
    at = pd.MultiIndex.from_frame(frame[["victim", "transfer", "seed"]])
    honest = ["honest_cda", "honest_error"]
    frame = frame.drop(columns=honest, errors="ignore").assign(
        **{name: asked[name].reindex(at).to_numpy() for name in honest}
    )
    metrics = ["top1", "agreement", "ratio", *honest]
    table = summarise(frame, metrics, keys=["victim", "answers", "theft", "clone", "queries"])
    users = (
        "Honest: accuracy of what a user is answered about test clips, and its mean total "
        "variation distance from what the victim computed."
    )
    return table, [*NOTES, users]


def _beside_free(frame: pd.DataFrame) -> pd.DataFrame:
    """Thefts of restricted answers, below the same questions freely answered.

    The same is: asked of the same victim, learnt by the same clone with the same loss.
    """
    restricted = frame["answers"] != "probabilities"
    group = frame[["victim", "clone", "alike"]].apply(tuple, axis=1)
    frame = frame.assign(group=pd.factorize(group)[0], restricted=restricted)
    kept = frame[group.isin(group[restricted])]
    return kept.sort_values(["group", "restricted"], kind="stable")


def monitor(paths: Sequence[Path], dataset: str) -> Table:
    """The traffic of each theft: what is asked, how it is answered, and when PRADA would tell."""
    frame = read(paths)
    frame = frame.assign(
        caught=100.0 * (frame["alarm"] > 0),
        alarm=frame["alarm"].where(frame["alarm"] > 0),
        false_alarm=100.0 * (frame["benign_alarm"] > 0),
    )
    keys = ["victim", "transfer", "method", "queries", "phases"]
    metrics = ["confidence", "classes", "balance", "caught", "alarm", "false_alarm", "cosine"]
    table = summarise(frame, metrics, keys=keys)
    notes = [
        SPREAD,
        "Phases: queries by what they were for; of several seeds the mean.",
        "Confidence: mean of the highest probability answered; classes: share of the victim's that "
        "were answered at all; balance: entropy of the classes answered, 100 where all are alike.",
        "Caught: share of the seeds in which a PRADA monitor raises the alarm; alarm: at which "
        "query, where it does; false alarm: share in which it does so at the victim's test clips.",
        "Cosine: of the estimated gradient with the true one, which the thief never sees.",
        "-: no alarm, or no gradient is estimated.",
    ]
    kept = [name for name in table if name not in ("caught_std", "false_alarm_std", "classes_std")]
    return table[kept], notes

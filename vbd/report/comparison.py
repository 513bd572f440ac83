"""Two runs cell by cell: which figures of one lie outside the spread of the other over seeds."""

import numpy as np
import pandas as pd

from vbd.report.long import CELL, YES_OR_NO

OUTSIDE = 0.05
"""How often a figure is outside by chance, where two runs are alike."""
DIFFERENT = 0.05
"""How often any figure of a victim itself is held for different by chance, out of all of them."""
TOO_MANY = 0.01
"""How often so many figures are outside by chance that the run as a whole is held for different."""
OURS, BOTH, THEIRS = "left_only", "both", "right_only"
# What comes after a victim was trained.
_LATER = ["defense", "fusion", "theft", "transfer"]
_RUNS = ("", "_reference")


def compare(ours: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """A row a cell and metric that either run has, of frames as ``long`` gives them.

    ``where`` is OURS, BOTH or THEIRS; what the reference has ends in ``_reference``. ``p`` says how
    often two runs that are alike would be as far apart as these; it is missing where neither has
    two seeds. ``corrected`` is the same of the victims' own figures alone, with all of them in view
    (Benjamini and Hochberg): what a defence leaves is often all or nothing, by the seed, so a
    single such figure proves nothing however far it is.

    Shares are compared by Student's t, with the deviation over the seeds of both, or of the one
    that has several: where one run is a single seed that is the prediction interval of the other.
    A deviation below what one clip is worth counts as that: seeds that happen to agree promise
    nothing finer. What is yes or no for a seed is compared by Fisher's exact test.
    """
    frame = ours.merge(
        reference,
        "outer",
        on=[*CELL, "metric"],
        suffixes=("", "_reference"),
        indicator="where",
        sort=False,
    )
    both = frame[frame["where"] == BOTH]
    judged = both[both["seeds"] + both["seeds_reference"] > 2]
    answers = judged["step"] == YES_OR_NO
    p = pd.concat([_student(judged[~answers]), _fisher(judged[answers])])
    own = (judged[_LATER] == "").all(axis=1)
    return frame.assign(p=p, corrected=_corrected(p[own[own].index]))


def too_many(judged: pd.DataFrame) -> bool:
    """Whether more rows of ``compare`` that have a ``p`` are outside than chance would have it.

    Figures that share a victim move together, so they are no independent tries. What is tested is
    the share that is outside of each attack in a mode, with all that was done to its victims:
    one-sided t-test over the attacks, of which it takes two.
    """
    from scipy.stats import ttest_1samp

    # Of a pair that is fused, the attack on frames: its victims are those of this attack too.
    attack = judged["attack"].str.split("+").str[0]
    shares = (judged["p"] < OUTSIDE).groupby([judged["dataset"], attack, judged["mode"]]).mean()
    if shares.nunique() < 2:
        # Where all are alike there is no deviation to test by.
        return len(shares) > 1 and bool(shares.iloc[0] > OUTSIDE)
    return bool(ttest_1samp(shares, OUTSIDE, alternative="greater").pvalue < TOO_MANY)


def _student(frame: pd.DataFrame) -> pd.Series:
    from scipy.stats import t

    free = frame["seeds"] + frame["seeds_reference"] - 2
    squares = sum((frame[f"seeds{run}"] - 1) * frame[f"std{run}"].fillna(0) ** 2 for run in _RUNS)
    step = frame[["step", "step_reference"]].max(axis=1)
    error = np.sqrt(squares / free).clip(lower=step)
    error *= np.sqrt(1 / frame["seeds"] + 1 / frame["seeds_reference"])
    far = (frame["mean"] - frame["mean_reference"]).abs() / error
    return pd.Series(2 * t.sf(far, free), frame.index)


def _fisher(frame: pd.DataFrame) -> pd.Series:
    from scipy.stats import fisher_exact

    def of(row: pd.Series) -> float:
        runs = [(row[f"seeds{run}"], row[f"mean{run}"] / 100) for run in _RUNS]
        table = [[round(seeds * share), round(seeds * (1 - share))] for seeds, share in runs]
        return float(fisher_exact(table).pvalue)

    return pd.Series([of(row) for _, row in frame.iterrows()], frame.index, dtype=float)


def _corrected(p: pd.Series) -> pd.Series:
    from scipy.stats import false_discovery_control

    return pd.Series(false_discovery_control(p) if len(p) else [], p.index, dtype=float)

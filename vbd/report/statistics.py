"""The figures that claims are judged by: from the results of one model, a row a seed.

Results are those of ``vbd/report/evidence.py``. Figures are in percent: one column, or two of which
the first less the second is meant.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

Statistic = Callable[[pd.DataFrame], pd.DataFrame]


def _only(frame: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """The rows with these values, or one of them, in these columns."""
    for column, values in wanted.items():
        frame = frame[frame[column].isin(values if isinstance(values, list) else [values])]
    return frame


def rate(metric: str, over: str = "mean", **wanted: Any) -> Statistic:
    """A metric of the cells that are wanted: their mean, or what ``over`` says."""
    return lambda frame: _only(frame, **wanted).groupby("seed")[[metric]].agg(over).dropna()


def pairs(
    metric: str, column: str, first: str, second: str, *same: str, **wanted: Any
) -> Statistic:
    """A metric where ``column`` is ``first`` and where it is ``second``.

    Means over the cells that are wanted; what differs in ``same`` counts where it has both.
    """

    def of(frame: pd.DataFrame) -> pd.DataFrame:
        cells = _only(frame, **wanted).groupby(["seed", *same, column])[metric].mean()
        both = cells.unstack().reindex(columns=[first, second]).dropna()
        return both.groupby("seed").mean()

    return of


def one_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Guaranteed ASR after training on one poisoned frame, and on the best other number."""
    cells = _only(frame, method="none").groupby(["seed", "attack", "mode", "frames"])
    by_frames = cells["guaranteed"].mean().dropna().unstack()
    one = by_frames.reindex(columns=by_frames.columns.union(["1"])).dropna().groupby("seed").mean()
    others = one.drop(columns="1").max(axis=1)
    return pd.DataFrame({"one": one["1"], "other": others}).dropna()


def two_modalities(fusion: str) -> Statistic:
    """ASR where both modalities are attacked, and of the better of the two attacks alone."""

    def of(frame: pd.DataFrame) -> pd.DataFrame:
        rows, video = _only(frame, fusion=fusion), ["seed", "mode", "video"]
        seen = _only(rows, attacked="video")[[*video, "asr"]]
        heard = _only(rows, attacked="audio")[["seed", "audio", "asr"]]
        both = _only(rows, attacked="both")[[*video, "audio", "asr"]]
        both = both.merge(seen, on=video, suffixes=("", "_seen"))
        both = both.merge(heard, on=["seed", "audio"], suffixes=("", "_heard"))
        both["alone"] = both[["asr_seen", "asr_heard"]].max(axis=1)
        return both.groupby("seed")[["asr", "alone"]].mean()

    return of

"""Table of the claims of "Look, Listen, and Attack": which of them hold here, by a stated test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vbd.report import evidence
from vbd.report.cells import OVER_SEEDS, Table
from vbd.report.claims import Claim, of_paper

_FEWEST_SEEDS = 3
# In percent: of two figures up there no difference can be seen.
_CEILING = 97
_NOTHING = pd.DataFrame({"figure": []}, dtype=float)


def claims(paths: Sequence[Path], dataset: str) -> Table:
    """A row a claim and model that has cells for it; a claim without any is a row that says so."""
    ours, theirs = evidence.ours(paths), evidence.theirs(dataset)
    methods = ours.loc[ours["defended"].eq(True), "method"]
    rows = [row for claim in of_paper(methods) for row in _rows(claim, ours, theirs)]
    notes = [
        f"In percent, differences in points, {OVER_SEEDS}. There is one figure a seed: a mean over "
        "the paper's attacks at its poisoning rate, a difference between cells of that seed.",
        "Holds: the two-sided 95 % t-interval of the mean lies within what is claimed; does not "
        "hold: it lies outside. One cannot tell where it does neither, with fewer than "
        f"{_FEWEST_SEEDS} seeds, and of a difference where both sides are at {_CEILING} % or more. "
        "The paper states no bounds: these are ours.",
        "Image attacks against defences are the static ones. Elimination: share of the poisoned "
        "training clips that are flagged, by the rule that compares with clean clips as the paper "
        "does. AUROC: of the entropies under STRIP.",
        "Not run: the grid has no cell for it, or pruning never costs 10 points of CDA.",
        "Published: the same figure of the paper's own tables, on sound and both modalities of "
        "Kinetics-Sounds; -: it has none. That no artefact is seen in a spectrogram (4.3) is not "
        "tested: figure7_spectrograms shows it.",
    ]
    return pd.DataFrame(rows), notes


def verdict(sides: pd.DataFrame, low: float, high: float) -> tuple[str, str]:
    """Whether a figure lies between ``low`` and ``high``, and why one cannot tell.

    ``sides``: a row a seed, in percent; of two columns the figure is their difference.
    """
    figure = _figure(sides)
    if figure.empty:
        return "not run", "no cell has it"
    if len(figure) < _FEWEST_SEEDS:
        return "cannot tell", f"fewer than {_FEWEST_SEEDS} seeds"
    # That there is no difference can be seen at a ceiling too.
    if sides.shape[1] == 2 and not low < 0 < high and (sides.mean() >= _CEILING).all():
        return "cannot tell", f"ceiling: both sides at {_CEILING} or more"
    lowest, highest = _interval(figure)
    if low < lowest and highest < high:
        return "holds", ""
    if highest <= low or high <= lowest:
        return "does not hold", ""
    return "cannot tell", "the interval crosses the bound"


def _rows(claim: Claim, ours: pd.DataFrame, theirs: pd.DataFrame) -> list[dict[str, Any]]:
    published = {name: _figure(s).mean() for name, s in _by("architecture", claim, theirs).items()}
    architectures = ours.groupby("model")["architecture"].first()
    # What was not run stands beside the first network of the paper that has it.
    first = next(iter(published), None)
    rows = []
    for model, sides in (_by("model", claim, ours) or {"": _NOTHING}).items():
        figure = _figure(sides)
        said, reason = verdict(sides, claim.low, claim.high)
        lowest, highest = _interval(figure)
        row: dict[str, Any] = {"claim": claim.text, "section": claim.where, "model": model or None}
        row |= {"measure": claim.measure, "claimed": claim.bound}
        row |= {"published": published.get(architectures.get(model, first)), "seeds": len(figure)}
        row |= {"ours": figure.mean(), "ours_std": figure.std()}
        row |= {"interval_from": lowest, "interval_to": highest}
        rows.append(row | {"verdict": said, "reason": reason or None})
    return rows


def _by(key: str, claim: Claim, frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the claim is judged by, of each model that has cells for it."""
    found = {str(name): claim.of(part) for name, part in frame.groupby(key, sort=False)}
    return {name: sides for name, sides in found.items() if len(sides)}


def _figure(sides: pd.DataFrame) -> pd.Series:
    return sides.iloc[:, 0] - sides.iloc[:, 1:].sum(axis=1)


def _interval(figure: pd.Series) -> tuple[float, float]:
    """The two-sided 95 % t-interval of the mean; NaN of fewer than two seeds."""
    from scipy.stats import t

    half = t.ppf(0.975, len(figure) - 1) * figure.sem()
    return figure.mean() - half, figure.mean() + half

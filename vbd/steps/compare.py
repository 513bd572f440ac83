"""Compare a run with a reference: which of its cells lie outside the spread over seeds?

  vbd compare results/report/default docs/reference
  vbd compare results/report/full/faces/cells.csv docs/reference/full_faces.csv

Either is a file cells.csv, which a run writes for each dataset, or a folder with such files in it.
A reference is nothing but a copy of such a file: two runs of your own, before and after a change or
on two machines, are compared by the same command. Cells are matched by their names, on the datasets
that both have; seconds are not compared.

A figure is outside where two runs that are alike would be that far apart once in 20 times. Of one
seed beside n of the reference that is the 95 % prediction interval, mean +- t * deviation *
sqrt(1 + 1/n) with n - 1 degrees of freedom; of several seeds it is Student's t. A deviation that is
smaller than what one test clip is worth counts as that. What a seed answers with yes or no is
compared by Fisher's exact test. Where both have one seed there is no spread: figures that differ
are counted, and not judged.

So one figure of 20 is outside by chance. The run as a whole is outside where one of two things is:
- The figure of a victim itself, before any defence, fusion or theft, stands out among all of them
  (corrected by Benjamini and Hochberg, at 5 %). Such figures have a star. What a defence leaves is
  often all or nothing, by the seed, so that a single such figure proves nothing.
- Of all figures clearly more are outside than one in 20: a one-sided t-test at 1 % of the shares of
  each attack, as figures that share a victim move together. It takes two attacks.

The exit code is 0 where the run is within the spread, 3 where it is outside, 4 where nothing could
be judged, 1 for a mistake in what is given.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from vbd.report import comparison, record
from vbd.report.comparison import BOTH, DIFFERENT, OURS, OUTSIDE, THEIRS
from vbd.report.long import CELL, name
from vbd.report.verdict import printable

# As those of `vbd scan`: neither 1, an error, nor 2, arguments that are none.
_WITHIN, _OUTSIDE, _UNTOLD = 0, 3, 4
_TOLD = ("configuration", "seeds", "commit", "torch", "device", "machine")


def main() -> None:
    """Compare ``run`` with ``reference``, print what is outside, and exit with the outcome."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="cells.csv, or a folder such as results/report/full")
    parser.add_argument("reference", type=Path, help="the same of another run: docs/reference")
    args = parser.parse_args()
    try:
        (ours, *mine), (reference, *theirs) = record.load(args.run), record.load(args.reference)
        ours, reference = _on_shared_datasets(ours, reference)
    except (FileNotFoundError, ValueError) as error:
        # Mistakes of who calls it: the message says the remedy, a traceback would hide it.
        sys.exit(printable(str(error)))
    _introduce("ours", *mine)
    _introduce("reference", *theirs)
    table = comparison.compare(ours, reference)
    _list(table[table["where"] == OURS], "only in ours")
    _list(table[table["where"] == THEIRS], "only in the reference")
    sys.exit(_judge(table[table["where"] == BOTH]))


def _on_shared_datasets(*frames: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of both on the datasets that both have; says which others there are."""
    ours, theirs = (set(frame["dataset"]) for frame in frames)
    if not ours & theirs:
        there = [", ".join(sorted(names)) for names in (ours, theirs)]
        raise ValueError(
            f"nothing to compare: the run is of {there[0]}, the reference of {there[1]}"
        )
    for whose, names in (("the run", ours - theirs), ("the reference", theirs - ours)):
        if names:
            _say(f"left out, as {whose} alone has them: {', '.join(sorted(names))}")
    return [frame[frame["dataset"].isin(ours & theirs)] for frame in frames]


def _introduce(whose: str, origins: Sequence[Mapping[str, str]]) -> None:
    """Where the figures come from."""
    for origin in origins:
        told = "; ".join(f"{key} {origin[key]}" for key in _TOLD if key in origin)
        _say(f"{whose}: {told}")


def _list(rows: pd.DataFrame, title: str) -> None:
    """The cells that one side has alone, with the metrics that are missing."""
    if len(rows):
        cells = rows.groupby(CELL, sort=False)
        print(f"\n{title}, {len(rows)} figures of {cells.ngroups} cells:")
        for _, cell in cells:
            _say(f"  {name(cell.iloc[0])}: {', '.join(cell['metric'])}")


def _judge(rows: pd.DataFrame) -> int:
    """Print what is outside, the farthest first, and the verdict; the exit code of it."""
    judged, same = rows[rows["p"].notna()], rows["mean"] == rows["mean_reference"]
    outside = judged[judged["p"] < OUTSIDE].sort_values("p")
    stars = int((outside["corrected"] < DIFFERENT).sum())
    many = comparison.too_many(judged)
    if len(outside):
        print()
        shown = pd.DataFrame([_row(row) for _, row in outside.iterrows()])
        _say(shown.to_markdown(index=False, tablefmt="plain", disable_numparse=True))
    print(f"\ncompared: {len(rows)} figures, {same.sum()} of them equal")
    if unjudged := (rows["p"].isna() & ~same).sum():
        print(f"not judged, as they differ and both have one seed: {unjudged}")
    print(f"outside: {len(outside)}, by chance about {OUTSIDE * len(judged):.0f}", end="")
    print(", which is too many" if many else ", which tells nothing")
    print(f"victims' own figures that stand out among all of them (*): {stars}")
    if judged.empty and not (len(rows) and same.all()):
        print("Could not tell: no figure of both has several seeds on either side.")
        return _UNTOLD
    different = many or stars > 0
    print(f"The run is {'outside' if different else 'within'} the spread of the reference.")
    return _OUTSIDE if different else _WITHIN


def _row(row: pd.Series) -> dict[str, str]:
    """A figure of both, to be read."""
    star = "*" if row["corrected"] < DIFFERENT else ""
    both = {"ours": _figure(row, ""), "reference": _figure(row, "_reference")}
    return {"": star, "cell": name(row), "metric": row["metric"]} | both | {"p": f"{row['p']:.1g}"}


def _figure(row: pd.Series, run: str) -> str:
    """Mean, deviation and range: "98.4 ± 0.6 (97.6 to 99.2, 5 seeds)"."""
    mean, seeds = row[f"mean{run}"], row[f"seeds{run}"]
    if seeds == 1:
        return f"{mean:.1f}"
    low, high = row[f"low{run}"], row[f"high{run}"]
    return f"{mean:.1f} ± {row[f'std{run}']:.1f} ({low:.1f} to {high:.1f}, {seeds:.0f} seeds)"


def _say(text: str) -> None:
    print(printable(text))

"""The choice of classes, of clips, and of the clips that the defender holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas


def sample(
    rows: pandas.DataFrame,
    *,
    classes: Sequence[str] | int | None,
    clips_per_class: Mapping[Literal["train", "test"], int] | None,
    val: float,
    rng: np.random.Generator,
) -> pandas.DataFrame:
    """Draw classes and clips from a listing's rows; add the label and the split "val".

    ``classes``: names, in the order of their labels; or how many to draw, labelled in
    alphabetical order; or None for all. ``clips_per_class``: at most so many clips of a class in
    "train" and in "test", spread over as many groups as there are; a missing key or None takes
    all. ``val``, from 0 to 1: the share of the drawn train groups of each class that moves to
    "val", at least one and never all of them; a class with a single group gives none, and one
    for which the reader lists "val" itself keeps just that.
    Returns the rows with a column label (int, from 0), sorted by label and path.
    Raises ValueError for a class that ``rows`` does not have, or for more classes than it has.
    """
    import pandas

    limits = clips_per_class or {}
    drawn = []
    for label, name in enumerate(_choose(sorted(set(rows["class_name"])), classes, rng)):
        # Sorted first: the draw depends on the seed and not on how the rows came.
        clips = rows[rows["class_name"] == name].sort_values("path").assign(label=label)
        train = _spread(clips[clips["split"] == "train"], limits.get("train"), rng)
        test = _spread(clips[clips["split"] == "test"], limits.get("test"), rng)
        listed = clips[clips["split"] == "val"]
        groups = [] if len(listed) else _val_groups(train["group"], val, rng)
        held = train["group"].isin(groups)
        drawn += [train.assign(split=train["split"].where(~held, "val")), listed, test]
    return pandas.concat(drawn).sort_values(["label", "path"], ignore_index=True)


def _choose(
    known: list[str], classes: Sequence[str] | int | None, rng: np.random.Generator
) -> list[str]:
    if classes is None:
        return known
    if isinstance(classes, int):
        if classes > len(known):
            raise ValueError(f"{classes} classes are wanted and the data has {len(known)}")
        return sorted(rng.choice(known, classes, replace=False).tolist())
    for name in classes:
        if name not in known:
            close = get_close_matches(name, known) or known[:3]
            raise ValueError(
                f"unknown class {name!r}: did you mean {' or '.join(map(repr, close))}? "
                f"The data has {len(known)} classes"
            )
    # As given, not by the alphabet: the first is class 0, the usual target of an attack.
    return list(classes)


def _spread(
    clips: pandas.DataFrame, limit: int | None, rng: np.random.Generator
) -> pandas.DataFrame:
    """Up to ``limit`` clips, one of each group in turn, the groups in random order."""
    groups = sorted(set(clips["group"]))
    place = dict(zip(rng.permutation(groups).tolist(), range(len(groups)), strict=True))
    # Clips of one group look alike: one of each comes before a second of any. The last key of
    # ``lexsort`` counts first.
    turn = clips.groupby("group").cumcount()
    order = np.lexsort([clips["group"].map(place), turn])
    return clips.iloc[order[:limit]]


def _val_groups(groups: pandas.Series, val: float, rng: np.random.Generator) -> list[str]:
    # Whole groups move: clips of one recording on both sides would let a defence see its answers.
    names = sorted(set(groups))
    count = min(max(1, round(val * len(names))), len(names) - 1) if val > 0 and names else 0
    return rng.permutation(names)[:count].tolist()

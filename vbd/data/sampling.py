"""The choice of classes, of clips, and of the clips that the defender holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vbd.data.index import Listing
from vbd.data.listing.classes import choose, counts_of, lacks, told

if TYPE_CHECKING:
    import pandas

# Why a clip is left out, in the words of the account.
NOT_CHOSEN = "of a class that was not chosen (classes)"
NOT_DRAWN = "more than clips_per_class"
LACKING = "of a class without a clip in {}"


def draw(
    listing: Listing,
    *,
    classes: Sequence[str] | int | None,
    clips_per_class: Mapping[Literal["train", "test"], int] | None,
    val: float,
    rng: np.random.Generator,
    pool: bool = False,
) -> Listing:
    """The listing of what ``sample`` draws; its other clips are left out, with the reason.

    Where ``classes`` names classes, only clips of these are absent.
    Raises ValueError as ``sample`` does, or for a class of which no clip is on disk.
    """
    named = None if classes is None or isinstance(classes, int) else list(classes)
    counts, absent = counts_of(listing.rows), listing.absent
    for name in named or ():
        if name in absent and name not in counts:
            raise ValueError(
                f"class {name!r} is on the lists, and none of its {absent[name]} clips is on disk: "
                f"put them into the dataset's folder, or take the class out of classes"
            )
    rows = sample(
        listing.rows,
        classes=classes,
        clips_per_class=clips_per_class,
        val=val,
        rng=rng,
        pool=pool,
    )
    chosen, taken = set(rows["class_name"]), set(rows["path"])
    why = {name: NOT_DRAWN if name in chosen else NOT_CHOSEN for name in counts}
    notes = list(listing.notes)
    if named is None:
        # Not the user's choice: of these it is said what they lack.
        lacking = {name: part for name in counts if (part := lacks(counts[name], pool))}
        why |= {name: LACKING.format(part) for name, part in lacking.items()}
        if lacking:
            notes.append(f"classes that cannot be chosen: {told(counts, list(lacking))}")
    else:
        absent = {name: n for name, n in absent.items() if name in named}
    pairs = zip(listing.rows["path"], listing.rows["class_name"], strict=True)
    left = {path: why[name] for path, name in pairs if path not in taken}
    return replace(
        listing, rows=rows, left={**listing.left, **left}, absent=absent, notes=tuple(notes)
    )


def sample(
    rows: pandas.DataFrame,
    *,
    classes: Sequence[str] | int | None,
    clips_per_class: Mapping[Literal["train", "test"], int] | None,
    val: float,
    rng: np.random.Generator,
    pool: bool = False,
) -> pandas.DataFrame:
    """Draw classes and clips from a listing's rows; add the label and the split "val".

    ``classes``: names, in the order of their labels; or how many to draw, labelled in
    alphabetical order; or None for all. A class without train clips, or without test clips, is
    never drawn. ``clips_per_class``: at most so many clips of a class in "train" and in "test",
    spread over as many groups as there are; a missing key or None takes all. ``val``, from 0 to 1:
    the share of the drawn train groups of each class that moves to "val", at least one and never
    all of them; a class with a single group gives none, and one for which the reader lists "val"
    itself keeps just that. ``pool`` is for clips that nothing is tested on, such as those to
    query a model with: a class needs no test clips, and one class will do.
    Returns the rows with a column label (int, from 0), sorted by label and path.
    Raises ValueError for a class that ``rows`` does not have or that lacks clips, for more classes
    than there are, or for fewer than two.
    """
    limits = clips_per_class or {}
    counts = counts_of(rows)
    names = choose(counts, classes, rng, pool)
    # Sorted first: the draw depends on the seed and not on how the rows came.
    rows = rows.sort_values("path", ignore_index=True)
    of_class = rows.groupby("class_name").indices
    groups, splits = rows["group"].to_numpy(object), rows["split"].to_numpy(object, copy=True)
    drawn, labels = [], []
    for label, name in enumerate(names):
        clips = of_class[name]
        listed = clips[splits[clips] == "val"]
        train = _spread(clips[splits[clips] == "train"], groups, limits.get("train"), rng)
        test = _spread(clips[splits[clips] == "test"], groups, limits.get("test"), rng)
        held = [] if len(listed) else _val_groups(groups[train], val, rng)
        splits[train[np.isin(groups[train], held)]] = "val"
        drawn += [train, listed, test]
        labels += [label] * (len(train) + len(listed) + len(test))
    places = np.concatenate(drawn)
    found = rows.iloc[places].assign(split=splits[places], label=labels)
    return found.sort_values(["label", "path"], ignore_index=True)


def _spread(
    clips: np.ndarray, groups: np.ndarray, limit: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Up to ``limit`` clips, one of each group in turn, the groups in random order."""
    of = groups[clips].tolist()
    names = sorted(set(of))
    place = dict(zip(rng.permutation(names).tolist(), range(len(names)), strict=True))
    # Clips of one group look alike: one of each comes before a second of any. The last key of
    # ``lexsort`` counts first.
    seen: Counter[str] = Counter()
    turn = []
    for group in of:
        turn.append(seen[group])
        seen[group] += 1
    return clips[np.lexsort([[place[group] for group in of], turn])[:limit]]


def _val_groups(groups: np.ndarray, val: float, rng: np.random.Generator) -> list[str]:
    # Whole groups move: clips of one recording on both sides would let a defence see its answers.
    names = sorted(set(groups.tolist()))
    count = min(max(1, round(val * len(names))), len(names) - 1) if val > 0 and names else 0
    return rng.permutation(names)[:count].tolist()

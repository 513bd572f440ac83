"""Which classes of a listing can be learnt and tested on, and the choice among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

Counts = Mapping[str, Counter[str]]  # the clips of each class by split


def counts_of(rows: pandas.DataFrame) -> Counts:
    """The clips of each class of a listing by split; the classes in alphabetical order."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in sorted(set(rows["class_name"]))}
    for name, split in zip(rows["class_name"], rows["split"], strict=True):
        counts[name][split] += 1
    return counts


def lacks(counts: Counter[str], pool: bool) -> str | None:
    """The split in which a class has no clip, though it needs one; a ``pool`` needs no test."""
    needed = ("train",) if pool else ("train", "test")
    return next((part for part in needed if not counts[part]), None)


def told(counts: Counts, names: Sequence[str]) -> str:
    """The clips that the first of the classes ``names`` have, for messages."""
    clips = (
        f"{name!r} ({counts[name]['train']} in train, {counts[name]['test']} in test)"
        for name in names[:5]
    )
    return ", ".join(clips) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def choose(
    counts: Counts, classes: Sequence[str] | int | None, rng: np.random.Generator, pool: bool
) -> list[str]:
    """The classes, in the order of their labels, of those that lack no clips.

    ``classes`` are names, a number to draw or None for all. Raises ValueError for a class that
    there is not or that lacks clips, for more than there are, or where nothing is left to tell
    apart.
    """
    lacking = [name for name in counts if lacks(counts[name], pool)]
    known = [name for name in counts if name not in lacking]
    remedy = f"a class needs clips in train{'' if pool else ' and in test'}: put some there"
    others = f"; {remedy}, for {told(counts, lacking)}" if lacking else ""
    if isinstance(classes, int):
        if classes > len(known):
            raise ValueError(f"{classes} classes are wanted and the data has {len(known)}{others}")
        names = sorted(rng.choice(known, classes, replace=False).tolist())
    else:
        names = known if classes is None else list(classes)
    for name in names:
        if name not in counts:
            close = get_close_matches(name, counts) or list(counts)[:3]
            raise ValueError(
                f"unknown class {name!r}: did you mean {' or '.join(map(repr, close))}? "
                f"The data has {len(counts)} classes"
            )
        if part := lacks(counts[name], pool):
            raise ValueError(
                f"class {name!r} has no clip in {part} ({told(counts, [name])}): {remedy}, or "
                f"take it out of classes"
            )
    if len(names) < (1 if pool else 2):
        raise ValueError(
            f"classes to tell apart: {', '.join(map(repr, names)) or 'none'}, at least "
            f"{'one is' if pool else 'two are'} needed{others}"
        )
    # As given, not by the alphabet: the first is class 0, the usual target of an attack.
    return names

"""The one account of a dataset's files: how many were found, taken and left out, and why."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbd.data.index import Listing

if TYPE_CHECKING:
    import pandas

UNREADABLE = "cannot be read (see quarantine.csv)"
FIRST = 5  # so many names of a kind are given
SPLITS = ("train", "val", "test")


def decoded(listing: Listing, index: pandas.DataFrame, bad: Iterable[str]) -> Listing:
    """The listing after decoding: the rows of ``index`` are taken, ``bad`` paths unreadable."""
    left = {**listing.left, **dict.fromkeys(bad, UNREADABLE)}
    # A spare that stood in for an unreadable file is left out no more.
    taken = set(index["path"])
    return replace(
        listing, rows=index, left={path: why for path, why in left.items() if path not in taken}
    )


def summary(listing: Listing) -> dict[str, Any]:
    """The account for summary.json: found = the sum of kept + quarantined + that of left_out."""
    left = kinds(listing)
    unreadable = left.pop(UNREADABLE, [])
    return {
        "found": listing.found,
        "kept": _taken(listing),
        "quarantined": len(unreadable),
        "left_out": {
            kind: {"count": len(names), "first": [shown(name) for name in names[:FIRST]]}
            for kind, names in left.items()
        },
        "absent": dict(listing.absent),
        "notes": list(listing.notes),
    }


def text(listing: Listing, taken: str = "taken") -> str:
    """The account in a few lines, for the console; ``taken`` is what is said of the rows."""
    reasons, splits = kinds(listing), _taken(listing)
    parts = [f"{sum(splits.values())} {taken} ({_listed(splits)})"]
    unreadable = len(reasons.get(UNREADABLE, ()))
    parts += [f"{unreadable} unreadable"] * (unreadable > 0)
    left = len(listing.left) - unreadable
    parts += [f"{left} left out"] * (left > 0)
    lines = [f"{listing.found} clips and other files found = {' + '.join(parts)}"]
    for kind, names in reasons.items():
        first = ", ".join(shown(name) for name in names[:FIRST])
        lines.append(f"  {len(names)} {kind}: {first}{' ...' * (len(names) > FIRST)}")
    if listing.absent:
        most = Counter(listing.absent).most_common(FIRST)
        classes = _listed({shown(name): count for name, count in most})
        lines.append(
            f"absent from disk: {sum(listing.absent.values())} clips that the lists name, of "
            f"{len(listing.absent)} classes: {classes}{' ...' * (len(listing.absent) > FIRST)}"
        )
    return "\n".join([*lines, *(shown(note) for note in listing.notes)])


def tell(listing: Listing, taken: str = "taken") -> None:
    """Print the ``text`` of the account, whatever letters the console has."""
    said, letters = text(listing, taken), sys.stdout.encoding or "utf-8"
    print(said.encode(letters, "backslashreplace").decode(letters), flush=True)


def shown(name: str) -> str:
    """A name for the console: control characters, and what is no text at all, are escaped."""
    return re.sub(r"[^ -~]", lambda found: _escaped(found[0]), name)


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def kinds(listing: Listing) -> dict[str, list[str]]:
    """The files that are left out by the reason, the most frequent reason first."""
    kinds: dict[str, list[str]] = {}
    for name, why in listing.left.items():
        kinds.setdefault(why, []).append(name)
    return {
        why: sorted(kinds[why]) for why in sorted(kinds, key=lambda why: (-len(kinds[why]), why))
    }


def _taken(listing: Listing) -> dict[str, int]:
    counts = Counter(listing.rows["split"])
    return {split: counts[split] for split in SPLITS}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())

"""The listing of a dataset whose own lists name its clips."""

from __future__ import annotations

import codecs
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vbd.data.index import Listing, table
from vbd.data.listing.disk import Disk, is_video, suffix
from vbd.data.listing.matching import Fit, Step, match, plain, stem

# Why a file is left out, in the words of the account.
LIST = "a list of the dataset"
UNLISTED = "named by no list"
UNUSED = "named by the lists, but not used in this split"
UNCLEAR = "named like several clips of the lists"
SPARE = "another file of the same clip"

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lines_of(file: Path) -> list[str]:
    """The lines of a list in UTF-8, with or without a byte order mark, or in UTF-16 with one.

    Raises ValueError, which names the file, for any other encoding.
    """
    content = file.read_bytes()
    try:
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8 ({error}): save it as UTF-8") from error
    # Not by ``splitlines``: it takes what may stand in a name, such as U+2028, for an end.
    return re.split("\r\n|\n|\r", text)


class Clip(NamedTuple):
    """What a list says of a clip; ``split`` is None where it is not used."""

    class_name: str
    split: str | None


def listing(
    disk: Disk,
    clips: Mapping[str, Clip],
    files: Iterable[str],
    *,
    steps: Sequence[Step],
    fit: Fit,
    group: Callable[[str], str],
    left: Mapping[str, str],
    notes: Sequence[str] = (),
) -> Listing:
    """A row for each of the ``clips`` that has a file among ``files``, and why others have none.

    ``clips`` go by their names on the lists, as do groups; ``steps`` and ``fit`` are those of
    ``match``; ``left`` and ``notes`` are what the reader knows itself.
    """
    meant, unclear = match(clips, files, steps, fit)
    reasons = {**dict.fromkeys(disk.videos, UNLISTED), **dict.fromkeys(unclear, UNCLEAR)}
    records, spares, paths = [], {}, {}
    for name, (path, *others) in meant.items():
        class_name, split = clips[name]
        if split is None:
            reasons |= dict.fromkeys((path, *others), UNUSED)
            continue
        records.append((path, class_name, group(name), split))
        paths[name] = path
        if others:
            spares[path] = tuple(others)
            reasons |= dict.fromkeys(others, SPARE)
    lacking = (clip for name, clip in clips.items() if clip.split and name not in meant)
    absent = Counter(clip.class_name for clip in lacking)
    taken = set(paths.values())
    reasons |= {**disk.left, **left}
    return Listing(
        table(records),
        left={file: why for file, why in reasons.items() if file not in taken},
        absent=dict(sorted(absent.items())),
        notes=(*notes, *_notes(paths, len(spares))),
        spares=spares,
    )


def one_spelling(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """How to spell each class of the (class, split) pairs: the same where only the case differs.

    Two spellings within one split stay two classes.
    """
    splits: defaultdict[str, set[str]] = defaultdict(set)
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for name, split in named:
        splits[name].add(split)
        alike[plain(name)].add(name)
    found = {name: name for name in splits}
    for names in alike.values():
        parts = [split for name in names for split in splits[name]]
        if len(parts) == len(set(parts)):
            # As it is spelled for training, where there is that.
            first = min(names, key=lambda name: ("train" not in splits[name], name))
            found |= dict.fromkeys(names, first)
    return found


def spelling_notes(spelled: Mapping[str, str]) -> list[str]:
    """What is to be said of the classes of ``one_spelling``."""
    other = [f"{name} is {first}" for name, first in sorted(spelled.items()) if name != first]
    return [f"classes spelled in several cases, and taken for one: {', '.join(other)}"] * bool(
        other
    )


def _notes(paths: Mapping[str, str], several: int) -> list[str]:
    """What was taken though the lists spell it in another way; ``paths`` by the lists' names."""
    counts = {
        "clips spelled in another case than on the lists": sum(
            _other_case(name, path) for name, path in paths.items()
        ),
        "clips with another suffix than on the lists": sum(
            suffix(name) != suffix(path) and is_video(name) for name, path in paths.items()
        ),
        "clips of several files, tried in turn, those in a replacement folder first": several,
    }
    return [f"{what}: {count}" for what, count in counts.items() if count]


def _other_case(name: str, path: str) -> bool:
    if name in path:
        return False
    there = {stem(path), *path.split("/")}
    lacking = {part for part in (stem(name), *name.split("/")[:-1]) if part not in there}
    return bool(set(map(plain, lacking)) & set(map(plain, there)))

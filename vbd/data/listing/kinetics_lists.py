"""The lists of Kinetics and its subsets: tables as they are downloaded, or lines of text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vbd.data.index import VIDEO_SUFFIXES, WORDS
from vbd.data.listing.disk import Disk, suffix
from vbd.data.listing.lists import LIST, lines_of

SOURCE = "https://github.com/cvdfoundation/kinetics-dataset"
COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")

# Why a file is left out, in the words of the account.
NO_CLASSES = "a list without classes (it has no column label)"
NO_LIST = "a table or a text that is no list of clips"
NOT_READ = "a text list, where tables are the lists"

# The path ends with a video's suffix: paths and class names may have spaces in them.
_LINE = re.compile(rf"(.+(?:{'|'.join(map(re.escape, sorted(VIDEO_SUFFIXES)))}))\s+(.+)", re.I)
_WORD = re.compile(rf"({'|'.join(WORDS)})(?:lists?|sets?|splits?|files?|clips?|videos?)?")

Named = tuple[str, str, str]  # the clip's path or <id>_<start>_<end>, its class, train or test


@dataclass
class Lists:
    """The lists in one folder, and the clips that they name.

    ``left`` gives of its tables and texts the reason why they are no clips, ``lacking`` the columns
    that a table lacks to be a list.
    """

    named: list[Named] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, list[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return LIST in self.left.values()


def lists_of(disk: Disk) -> tuple[Lists, str]:
    """The lists in the root or, if there is none, in the one folder in it that has some; its name.

    Raises FileNotFoundError where there is none, saying what to put where, and ValueError for one
    that cannot be understood, or if two folders have lists and neither is called annotations.
    """
    top = _lists_in(disk, "")
    if top:
        return top, ""
    folders = {name.partition("/")[0] for name in disk.left if name.count("/") == 1}
    below = {name: lists for name in sorted(folders) if (lists := _lists_in(disk, name))}
    # Of several, those that lie where Kinetics has them.
    own = {name: lists for name, lists in below.items() if name.casefold() == "annotations"}
    if len(own or below) == 1:
        (name, lists), *_ = (own or below).items()
        return lists, name
    if below:
        raise ValueError(
            f"lists of clips are in several folders of {disk.root}: {', '.join(below)}; put those "
            f"that count into {disk.root} itself"
        )
    for name, lacking in top.lacking.items():
        if lacking != ["label"]:
            raise ValueError(
                f"{disk.root / name} has no column {', '.join(lacking)}: Kinetics' lists have the "
                f"columns {', '.join(COLUMNS)}; keep other tables out of {disk.root}"
            )
    others = f" (looked at: {', '.join(map(repr, top.left))})" if top.left else ""
    raise FileNotFoundError(
        f"no list of clips is in {disk.root}{others}: put Kinetics' train.csv and validate.csv "
        f"there (from {SOURCE}), or train.txt and val.txt with <path> <class> in each line"
    )


def _lists_in(disk: Disk, folder: str) -> Lists:
    found, texts = Lists(), disk.texts(folder)
    for name in texts:
        if suffix(name) == ".csv":
            file = disk.root / name
            rows = _table(file)
            lacking = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if lacking:
                found.left[name] = NO_CLASSES if lacking == ["label"] else NO_LIST
                found.lacking[name] = lacking
            else:
                found.left[name] = LIST
                found.named += _clips_of_table(file, rows)
    tables = bool(found)
    for name in texts:
        part = _part_of(Path(name).stem) if suffix(name) == ".txt" else None
        if part is not None:
            clips = [] if tables else _clips_of_text(disk.root / name, part)
            found.left[name] = NOT_READ if tables else LIST if clips else NO_LIST
            found.named += clips
    return found


def _part_of(name: str) -> str | None:
    """Whether a text called ``name`` lists clips for train or for test, if one of them."""
    # A word of it, as in my_train_list or trainlist01: "latest" is none.
    words = (word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", name))
    parts = {_part(found[1]) for word in words if (found := _WORD.fullmatch(word))}
    return parts.pop() if len(parts) == 1 else None


def _part(word: str) -> str:
    """Kinetics' validation clips are our test clips. Raises KeyError for no word of a split."""
    return "train" if WORDS[word.strip().lower()] == "train" else "test"


def _table(file: Path) -> csv.DictReader[str]:
    rows = csv.DictReader(lines_of(file))
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    return rows


def _clips_of_table(file: Path, rows: csv.DictReader[str]) -> Iterator[Named]:
    for row in rows:
        try:
            part = _part(row["split"])
            start, end = (int(float(row[name])) for name in ("time_start", "time_end"))
            if not row["label"].strip():
                raise ValueError("no label")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{file}, line {rows.line_num}: {error}; the times are seconds, the label is not "
                f"empty, and the split is one of train, validate, val, test"
            ) from error
        yield f"{row['youtube_id'].strip()}_{start:06d}_{end:06d}", row["label"].strip(), part


def _clips_of_text(file: Path, part: str) -> list[Named]:
    """The clips of a text list; none if no line of it is that of a list."""
    lines = [line.strip() for line in lines_of(file)]
    found = [_LINE.fullmatch(line) for line in lines]
    if any(found):
        for number, (line, match) in enumerate(zip(lines, found, strict=True), start=1):
            if line and match is None:
                raise ValueError(f"{file}, line {number}: {line!r} is not <path> <class>")
    return [(match[1], match[2], part) for match in found if match]

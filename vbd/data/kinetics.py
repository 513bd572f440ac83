"""The reader of Kinetics and its subsets, such as Kinetics-Sounds, as they are downloaded."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from vbd.data.index import VIDEO_SUFFIXES, Listing, table

SOURCE = "https://github.com/cvdfoundation/kinetics-dataset"
# The tables write "validate", text lists are called "val".
SPLITS = {"train": "train", "validate": "test", "val": "test", "test": "test"}
COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")

_TIMES = re.compile(r"_\d{6}_\d{6}$")
# The path ends with a video's suffix: paths and class names may have spaces in them.
_LINE = re.compile(rf"(.+(?:{'|'.join(map(re.escape, sorted(VIDEO_SUFFIXES)))}))\s+(.+)", re.I)

_Named = tuple[str, str, str]  # the file's name without its suffix, the class, train or test


def read(root: Path, *, split: int = 1) -> Listing:
    """List the clips anywhere below ``root`` by the lists that lie in ``root`` itself.

    The lists are Kinetics' own, *.csv with the columns of ``COLUMNS``; without any, *.txt with
    train, val or test in the name and "<path> <class>" in each line. Their validation and test
    clips are our test clips. A file is <youtube_id>_<start>_<end>, both times in six digits, or
    <youtube_id>, in whatever folder. The group is the YouTube id. Clips that the lists name and
    the disk lacks are counted, by class, not refused. ``split`` is not looked at: there is one.
    Raises FileNotFoundError if the lists or every video are missing, saying what to put where, and
    ValueError for a list that cannot be understood.
    """
    csvs, texts = sorted(root.glob("*.csv")), _texts(root)
    if not csvs and not texts:
        raise FileNotFoundError(
            f"no list of clips is in {root}: put Kinetics' train.csv and validate.csv there "
            f"(from {SOURCE}), or train.txt and val.txt with <path> <class> in each line"
        )
    named = [clip for file in csvs for clip in _from_csv(file)]
    if not csvs:
        named = [clip for file in texts for clip in _from_text(file, texts[file])]
    videos = _videos(root)
    records: dict[str, tuple[str, str, str, str]] = {}
    absent: Counter[str] = Counter()
    for stem, class_name, part in named:
        group = _TIMES.sub("", stem)
        # The times tell clips of one id apart; a name without them has nothing but the id.
        path = videos.get(stem) or videos.get(group)
        if path is None:
            absent[class_name] += 1
        else:  # one file has one row, or it could be in train and in test
            records.setdefault(path, (path, class_name, group, part))
    if not records:
        example = named[0][0] if named else "nothing"
        raise FileNotFoundError(
            f"no video that the lists name is under {root} (they name {example}, for one): "
            f"download the clips from {SOURCE} and unpack or link them there, in any folders"
        )
    listed = table(records.values())
    return Listing(listed, dict(sorted(absent.items())), len(videos) - len(listed))


def _texts(root: Path) -> dict[Path, str]:
    """The text lists in ``root``, and whether they are of train or of test clips."""
    found = {file: re.search("train|val|test", file.stem) for file in sorted(root.glob("*.txt"))}
    return {file: SPLITS[part[0]] for file, part in found.items() if part}


def _from_csv(file: Path) -> Iterator[_Named]:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if lacking:
            raise ValueError(
                f"{file} has no column {', '.join(lacking)}: Kinetics' lists have the columns "
                f"{', '.join(COLUMNS)}; keep other tables out of {file.parent}"
            )
        for row in rows:
            try:
                part = SPLITS[row["split"]]
                start, end = (int(float(row[name])) for name in ("time_start", "time_end"))
            except (KeyError, ValueError) as error:
                raise ValueError(
                    f"{file}, line {rows.line_num}: {error}; the times are seconds, "
                    f"and the split is one of {', '.join(SPLITS)}"
                ) from error
            yield f"{row['youtube_id']}_{start:06d}_{end:06d}", row["label"], part


def _from_text(file: Path, part: str) -> Iterator[_Named]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"{file}, line {number}: {line!r} is not <path> <class>")
        yield Path(found[1]).stem, found[2], part


def _videos(root: Path) -> dict[str, str]:
    """The path, relative to ``root``, of every video below it, by its name without suffix."""
    # Sorted: of two files of one name, the same one counts on every disk. Links are followed, as
    # the clips may lie elsewhere.
    return {
        Path(name).stem: (Path(folder) / name).relative_to(root).as_posix()
        for folder, _, names in sorted(os.walk(root, followlinks=True))
        for name in sorted(names)
        if Path(name).suffix.lower() in VIDEO_SUFFIXES
    }

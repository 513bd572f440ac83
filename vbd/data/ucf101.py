"""The reader of UCF-101 and of all that is laid out like it, the synthetic clips included."""

import re
from collections import Counter
from pathlib import Path

from vbd.data.index import Listing, folders_in, table, videos_in

SOURCE = "https://www.crcv.ucf.edu/data/UCF101.php"


def read(root: Path, *, split: int = 1) -> Listing:
    """List the clips of ``root``/UCF-101/<Class>/ by the official lists of ``split``.

    ``split`` is 1, 2 or 3. The group is the number after _g in the file's name: clips of one
    group were cut from one recording. Clips that the lists name and the disk lacks are counted,
    by class, not refused.
    Raises FileNotFoundError if a list or every video is missing, saying what to put where, and
    ValueError for a clip whose name carries no group.
    """
    named = {
        name: part
        for part in ("train", "test")
        for name in _names(root / "ucfTrainTestlist" / f"{part}list{split:02d}.txt")
    }
    videos = root / "UCF-101"
    present = {
        f"{folder.name}/{name}" for folder in folders_in(videos) for name in videos_in(folder)
    }
    records = [
        (f"UCF-101/{name}", _class(name), _group(name), named[name])
        for name in present & named.keys()
    ]
    if not records:
        example = next(iter(named), "nothing")
        raise FileNotFoundError(
            f"no video that the lists name is under {videos} (they name {example}, for one): "
            f"download UCF101.rar from {SOURCE} and unpack or link its class folders there"
        )
    absent = Counter(_class(name) for name in named.keys() - present)
    return Listing(table(records), dict(sorted(absent.items())), len(present - named.keys()))


def _names(file: Path) -> list[str]:
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: download UCF101TrainTestSplits-RecognitionTask.zip from {SOURCE} "
            f"and unpack or link its folder ucfTrainTestlist to {file.parent}"
        )
    # A line of a train list is "<Class>/<clip> <class number>", of a test list only the first.
    # The number counts from 1 over all classes, labels here from 0 over those that are drawn.
    return [line.split()[0] for line in file.read_text().splitlines() if line.strip()]


def _class(name: str) -> str:
    return name.partition("/")[0]


def _group(name: str) -> str:
    found = re.search(r"_g(\d+)_", name)
    # Without groups, clips of one recording could be in train and in val.
    if found is None:
        raise ValueError(f"{name} carries no group: UCF-101 names clips v_<Class>_g<nn>_c<nn>")
    return found[1]

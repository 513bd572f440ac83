"""The reader of HMDB-51."""

import re
from pathlib import Path

from vbd.data.index import Listing
from vbd.data.listing.disk import look
from vbd.data.listing.lists import LIST, Clip, lines_of, listing
from vbd.data.listing.matching import Step, folded, in_class, stem

SOURCE = "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/"
CLIPS_FILE, LISTS_FILE = "hmdb51_org.rar", "test_train_splits.rar"
PUBLISHED = f"{CLIPS_FILE} and {LISTS_FILE} at {SOURCE}"
SPLITS = {"1": "train", "2": "test"}  # and 0: not used in this split


def read(root: Path, *, split: int = 1) -> Listing:
    """List the clips of ``root``/videos/<class>/ by ``root``/splits/<class>_test_split<split>.txt.

    ``split`` is 1, 2 or 3. A file is that of a listed clip if it lies anywhere below the folder of
    its class and has its name, in whatever case and with whatever video's suffix. The group is
    what stands before _<class>_ in the name, the film or video that the clip was cut from. Clips
    that the lists name and the disk lacks are counted, by class, not refused.
    Raises FileNotFoundError if a class's list or every video is missing, saying what to put where.
    """
    disk = look(root)
    lists = {
        marks[1]: root / name
        for name in disk.texts("splits")
        if (marks := re.fullmatch(rf"(.+)_test_split{split}\.txt", Path(name).name, re.I))
    }
    videos = disk.videos_in("videos")
    _check(root, videos, lists, split)
    found = listing(
        disk,
        {
            f"{class_name}/{name}": Clip(class_name, SPLITS.get(mark))
            for class_name, file in lists.items()
            for name, mark in _marks(file)
        },
        videos,
        steps=[Step(stem, stem), Step(folded, folded)],
        fit=in_class,
        group=_group,
        left=dict.fromkeys(disk.texts("splits"), LIST),
    )
    if not len(found.rows):
        raise FileNotFoundError(
            f"no video that the lists name is under {root / 'videos'}: download {CLIPS_FILE} "
            f"from {SOURCE} and unpack or link its class folders there{disk.why_none()}"
        )
    return found


def _check(root: Path, videos: list[str], lists: dict[str, Path], split: int) -> None:
    """See that there is a list of every class that has videos."""
    known = {name.casefold() for name in lists}
    for name in videos:
        folders = name.split("/")[1:-1]
        if folders and known.isdisjoint(folder.casefold() for folder in folders):
            file = root / "splits" / f"{folders[0]}_test_split{split}.txt"
            raise FileNotFoundError(
                f"{file} is missing: download {LISTS_FILE} from {SOURCE} "
                f"and unpack or link its text files to {file.parent}"
            )


def _marks(file: Path) -> list[list[str]]:
    """The name and the mark of each clip of a list."""
    lines = (line.rsplit(maxsplit=1) for line in lines_of(file))
    return [parts for parts in lines if len(parts) == 2]


def _group(name: str) -> str:
    class_name, _, clip = name.partition("/")
    # The last one counts: "Golf_Tips_golf_golf_f_cm..." is a clip of "Golf_Tips_golf".
    source, marker, _ = clip.rpartition(f"_{class_name}_")
    return source if marker else stem(clip)

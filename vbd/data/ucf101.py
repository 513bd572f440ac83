"""The reader of UCF-101 and of all that is laid out like it, the synthetic clips included."""

import re
from pathlib import Path

from vbd.data.index import Listing
from vbd.data.listing.disk import Disk, look
from vbd.data.listing.lists import LIST, Clip, lines_of, listing
from vbd.data.listing.matching import Step, folded, in_class, stem

SOURCE = "https://www.crcv.ucf.edu/data/UCF101.php"
LISTS = "ucfTrainTestlist"
CLIPS_FILE, LISTS_FILE = "UCF101.rar", "UCF101TrainTestSplits-RecognitionTask.zip"
PUBLISHED = f"{CLIPS_FILE} and {LISTS_FILE} at {SOURCE}"


def read(root: Path, *, split: int = 1) -> Listing:
    """List the clips of ``root``/UCF-101/<Class>/ by the official lists of ``split``.

    ``split`` is 1, 2 or 3. A file is that of a listed clip if it lies anywhere below the folder of
    its class and has its name, in whatever case and with whatever video's suffix. The group is the
    number after _g in the name: clips of one group were cut from one recording. Clips that the
    lists name and the disk lacks are counted, by class, not refused.
    Raises FileNotFoundError if a list or every video is missing, saying what to put where, and
    ValueError for a clip whose name carries no group.
    """
    disk = look(root)
    clips = {
        name: Clip(name.partition("/")[0], part)
        for part in ("train", "test")
        for name in _names(disk, f"{LISTS}/{part}list{split:02d}.txt")
    }
    found = listing(
        disk,
        clips,
        disk.videos_in("UCF-101"),
        steps=[Step(stem, stem), Step(folded, folded)],
        fit=in_class,
        group=_group,
        left=dict.fromkeys(disk.texts(LISTS), LIST),
    )
    if not len(found.rows):
        example = next(iter(clips), "nothing")
        raise FileNotFoundError(
            f"no video that the lists name is under {root / 'UCF-101'} (they name {example}, for "
            f"one): download {CLIPS_FILE} from {SOURCE} and unpack or link its class folders there"
            f"{disk.why_none()}"
        )
    return found


def _names(disk: Disk, name: str) -> list[str]:
    file = disk.text(name)
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: download {LISTS_FILE} from {SOURCE} and unpack or link its folder "
            f"{LISTS} to {file.parent}"
        )
    # A line of a train list is "<Class>/<clip> <class number>", of a test list only the first.
    # The number counts from 1 over all classes, labels here from 0 over those that are drawn.
    return [line.split()[0] for line in lines_of(file) if line.strip()]


def _group(name: str) -> str:
    found = re.search(r"_g(\d+)_", name)
    # Without groups, clips of one recording could be in train and in val.
    if found is None:
        raise ValueError(f"{name} carries no group: UCF-101 names clips v_<Class>_g<nn>_c<nn>")
    return found[1]

"""The reader of Kinetics and its subsets, such as Kinetics-Sounds, as they are downloaded."""

import re
from pathlib import Path

from vbd.data.index import Listing
from vbd.data.listing.disk import look
from vbd.data.listing.kinetics_lists import SOURCE, lists_of
from vbd.data.listing.lists import Clip, listing, one_spelling, spelling_notes
from vbd.data.listing.matching import Step, folded, plain, same_folders, stem

PUBLISHED = f"train.csv and val.csv and, of the clips, part_<number>.tar.gz at {SOURCE}"

_TIMES = re.compile(r"_\d{6}_\d{6}$")
_SECONDS = re.compile(r"(.+)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)")


def read(root: Path, *, split: int = 1) -> Listing:
    """List the clips anywhere below ``root`` by the lists that lie in ``root`` itself.

    The lists are Kinetics' own, *.csv with the columns in ``listing/kinetics_lists.py``; or else
    *.txt with train, val or test as a word of the name and "<path> <class>" in each line. Without
    lists in ``root`` those of a folder in it count, such as annotations. Their validation and test
    clips are our test clips. A file is <youtube_id>_<start>_<end>, as a rule both in six digits, or
    <youtube_id>, in whatever folder; where several lines have one name, their folders decide. The
    group is the YouTube id. Clips that the lists name and the disk lacks are counted, by class, not
    refused. ``split`` is not looked at: there is one.
    Raises FileNotFoundError if the lists or every video are missing, saying what to put where, and
    ValueError for a list that cannot be understood.
    """
    disk = look(root)
    lists, folder = lists_of(disk)
    spelled = one_spelling((class_name, part) for _, class_name, part in lists.named)
    clips: dict[str, Clip] = {}
    twice = 0
    for name, class_name, part in lists.named:
        clip = Clip(spelled[class_name], part)
        # A clip in train and in test, say: the first line counts.
        twice += clips.setdefault(name, clip) != clip
    notes = {
        f"the lists are those in {folder}/": bool(folder),
        f"lines that give a clip another class or split than a line before, not taken: {twice}": (
            twice > 0
        ),
    }
    found = listing(
        disk,
        clips,
        disk.videos,
        steps=[
            Step(stem, stem),
            Step(_padded, _padded),
            Step(lambda name: plain(_padded(name)), lambda file: plain(_padded(file))),
            # The times tell clips of one id apart; a file without them has nothing but the id.
            Step(_id, stem, late=True),
            Step(lambda name: plain(_id(name)), folded, late=True),
        ],
        fit=same_folders,
        group=_id,
        left=lists.left,
        notes=[note for note, holds in notes.items() if holds] + spelling_notes(spelled),
    )
    if not len(found.rows):
        example = next(iter(clips), "nothing")
        raise FileNotFoundError(
            f"no video that the lists name is under {root} (they name {example}, for one): "
            f"download the clips from {SOURCE} and unpack or link them there, in any folders"
            f"{disk.why_none()}"
        )
    return found


def _id(name: str) -> str:
    """The YouTube id of a clip."""
    return _TIMES.sub("", stem(name))


def _padded(name: str) -> str:
    """The stem of a name with its times, if it has them, in six digits as on the lists."""
    found = _SECONDS.fullmatch(stem(name))
    if found is None:
        return stem(name)
    start, end = (int(float(seconds)) for seconds in found.groups()[1:])
    return f"{found[1]}_{start:06d}_{end:06d}"

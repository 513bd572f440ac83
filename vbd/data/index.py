"""The index table, and the door to the readers that list what a dataset's folder holds."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

# A reader gives those of ``LISTED``, sampling the label, decoding the last three.
COLUMNS = ("path", "label", "class_name", "group", "split", "has_audio", "n_frames", "fps")
LISTED = ("path", "class_name", "group", "split")
LAYOUTS = {"synthetic": "ucf101"}  # the embedded clips are rendered in UCF-101's layout
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".webm", ".mov"})


@dataclass(frozen=True)
class Listing:
    """What a reader found: one row a clip, and what did not match the dataset's own lists.

    ``rows`` has the columns path (relative to the root, with /), class_name, group and split
    ("train" or "test"). ``absent`` counts, by class, the clips that the lists name and the disk
    does not hold: a part of UCF-101 is normal. ``unlisted`` counts the videos on disk that no
    list names.
    """

    rows: pandas.DataFrame
    absent: Mapping[str, int] = field(default_factory=dict)
    unlisted: int = 0


def read(reader: str, root: Path, **options: int) -> Listing:
    """List the clips under ``root`` with the reader ``vbd/data/<reader>.py``.

    "synthetic" is read by ``ucf101``, whose layout it has. ``options`` go to the reader; all of
    them take ``split``, which of the dataset's splits.
    Raises ValueError for a name without a reader, FileNotFoundError where the data is missing.
    """
    name = f"vbd.data.{LAYOUTS.get(reader, reader)}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A reader that is there but lacks a library of its own must say that instead.
        if error.name != name:
            raise
        raise ValueError(
            f"no reader {reader!r}: vbd has ucf101, hmdb51, kinetics and folder; "
            f"another one is a file vbd/data/{reader}.py with read(root, *, split)"
        ) from error
    return module.read(Path(root), **options)


def table(records: Iterable[tuple[str, str, str, str]]) -> pandas.DataFrame:
    """The listing's table of (path, class_name, group, split) records, sorted by path."""
    import pandas

    # Sorted: the order of a disk or of a set must not reach the draws that follow.
    return pandas.DataFrame(sorted(records), columns=list(LISTED))


def videos_in(folder: Path) -> list[str]:
    """The names of the video files that lie directly in ``folder``, sorted; [] if it is none."""
    if not folder.is_dir():
        return []
    return sorted(file.name for file in folder.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES)


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in ``folder``, sorted, without the hidden ones; [] if it is none."""
    if not folder.is_dir():
        return []
    return sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )

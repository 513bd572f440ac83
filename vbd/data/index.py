"""The index table, and the door to the readers that list what a dataset's folder holds."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy
    import pandas

    from vbd.data.decoding import Facts

# A reader gives those of ``LISTED``, sampling the label, decoding the last three.
COLUMNS = ("path", "label", "class_name", "group", "split", "has_audio", "n_frames", "fps")
LISTED = ("path", "class_name", "group", "split")
# What is embedded is rendered in the layout of a dataset.
LAYOUTS = {"synthetic": "ucf101", "faces": "csaw"}
VIDEO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "gif", "m1v", "m2ts", "m2v"),
        *("m4v", "mkv", "mov", "mp4", "mpe", "mpeg", "mpg", "mpv", "mts", "mxf", "ogm", "ogv"),
        *("qt", "rm", "rmvb", "ts", "vob", "webm", "wmv", "y4m"),
    )
)
# The words for a split, of folders and of lists.
WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class Listing:
    """What became of every file that was found: first a reader's, then what was drawn of it.

    ``rows``, one a clip, has the columns path (relative to the root, with /), class_name, group
    and split ("train", "test" or, for the defender's clips, "val"). ``left`` are all other files
    below the root, each with the reason, in the same words for all of a kind; ``spares`` those of
    them that are tried in turn where the file of a row (its path) cannot be read. ``absent``
    counts, by class, the clips that the dataset's lists name and the disk does not hold: a part of
    UCF-101 is normal. ``notes`` are sentences on what was understood of the folder.
    """

    rows: pandas.DataFrame
    left: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    spares: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """The number of files found (of images in an .h5 file, each is one)."""
        return len(self.rows) + len(self.left)


class Pictures(Protocol):
    """How a reader fills a store itself, where its files are no videos (``vbd/data/csaw.py``)."""

    def __call__(
        self,
        root: Path,
        paths: list[str],
        /,
        *,
        frames: int,
        stride: int,
        views: int,
        size: tuple[int, int],
    ) -> Iterable[tuple[int, numpy.ndarray, Facts]]:
        """Of each path its position, in any order, uint8 (views, frames, H, W, 3), and facts."""
        ...


def read(reader: str, root: Path, **options: int) -> Listing:
    """List the clips under ``root`` with the reader ``vbd/data/<reader>.py``.

    ``options`` go to the reader; all of them take ``split``, which of the dataset's splits.
    Raises ValueError for a name without a reader, FileNotFoundError where the data is missing.
    """
    return module(reader).read(Path(root), **options)


def module(reader: str) -> ModuleType:
    """The file ``vbd/data/<reader>.py``, imported.

    "synthetic" is read by ``ucf101`` and "faces" by ``csaw``, whose layouts they have. A reader
    of files that are no videos has ``pictures`` too, which ``vbd/data/build.py`` calls.
    Raises ValueError where there is none.
    """
    name = f"vbd.data.{LAYOUTS.get(reader, reader)}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A reader that is there but lacks a library of its own must say that instead.
        if error.name != name:
            raise
        raise ValueError(
            f"no reader {reader!r}: vbd has {', '.join(_readers())}; "
            f"another one is a file vbd/data/{reader}.py with read(root, *, split)"
        ) from error


def published(reader: str) -> str:
    """A sentence on what the files of a reader are published as; nothing for anybody's own."""
    names = getattr(module(reader), "PUBLISHED", None)
    return f" Published as {names}." if names else ""


def _readers() -> list[str]:
    files = Path(__file__).parent.glob("*.py")
    found = [file.stem for file in files if "\ndef read(root: Path" in file.read_text()]
    return sorted([*found, *LAYOUTS])


def table(records: Iterable[tuple[str, str, str, str]]) -> pandas.DataFrame:
    """The listing's table of (path, class_name, group, split) records, sorted by path."""
    import pandas

    # Sorted: the order of a disk or of a set must not reach the draws that follow.
    return pandas.DataFrame(sorted(records), columns=list(LISTED))


def divide(names: list[str], split: int, share: float) -> dict[str, list[str]]:
    """The ``names`` of a class as "train" and "test", where ``share`` of them go.

    It is rounded, but at least one is on each side; a single one goes to train. Each ``split`` is
    another division, and the same one everywhere.
    """
    # A hash, not a draw: the same on every machine, and a new file moves one other at most.
    shuffled = sorted(names, key=lambda name: sha256(f"{split}/{name}".encode()).digest())
    n_test = min(max(1, round(share * len(names))), max(0, len(names) - 1))
    return {"test": shuffled[:n_test], "train": shuffled[n_test:]}

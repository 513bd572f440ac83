"""What lies in a dataset's folder: which of the files can be videos, and why the others cannot."""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vbd.data.index import VIDEO_SUFFIXES
from vbd.data.listing.account import shown

# Why a file is left out, in the words of the account.
HIDDEN = "hidden, or left behind by an archiver or a system"
NOT_UTF8 = "the name is not UTF-8 (convmv renames it)"
CONTROL = "a control character in the name (rename it)"
CLOSED = "a folder that cannot be opened, or that lies in itself"
NO_FILE = "no file, but a pipe, a device, or a link that leads nowhere"
OTHER = "no video by its suffix"

_LEFTOVERS = frozenset({"__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found"})
# Those at which some programs end a line: a table with such a name is cut by them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Disk:
    """The files below ``root``, by their names relative to it, with /, in alphabetical order.

    ``videos`` can be clips; ``left`` are all others, with the reason, folders that cannot be
    opened among them.
    """

    root: Path
    videos: tuple[str, ...]
    left: Mapping[str, str]

    def why_none(self) -> str:
        """What to say of ``left`` behind a message that there are no clips."""
        kinds: dict[str, str] = {}
        for name, why in self.left.items():
            kinds.setdefault(why, name)
        counts = Counter(self.left.values())
        said = (f"{counts[why]} {why} ({shown(name)})" for why, name in kinds.items())
        return f". Left out: {', '.join(said)}" if kinds else ""

    def videos_in(self, folder: str) -> list[str]:
        """The ``videos`` anywhere below ``folder``, which may be spelled in another case."""
        return [name for name in self.videos if name.casefold().startswith(f"{folder.casefold()}/")]

    def texts(self, folder: str = "") -> list[str]:
        """The files directly in ``folder`` that can be lists: no videos by their suffix.

        ``folder`` is relative to the root, which is "", and may be spelled in another case.
        """
        wanted = folder.casefold()
        others = (name for name, why in self.left.items() if why == OTHER)
        return [name for name in others if name.rpartition("/")[0].casefold() == wanted]

    def text(self, name: str) -> Path:
        """The file ``name``, in the case of letters that it has on disk; as given where it lacks.

        ``name`` is relative to the root.
        """
        found = self.texts(name.rpartition("/")[0])
        same = [other for other in found if other.casefold() == name.casefold()]
        return self.root / (name if name in same or not same else same[0])


def look(root: Path) -> Disk:
    """Sort the files below ``root``; there are none where it is no folder."""
    reasons = {name: _why_not(name, entry) for name, entry in entries(root)}
    left = {name: why for name, why in reasons.items() if why is not None}
    return Disk(root, tuple(name for name in reasons if name not in left), left)


def entries(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All that lies below ``root`` and is no folder: its name relative to ``root``, and its entry.

    In alphabetical order, the same on every disk. Links are followed, as clips may lie elsewhere. A
    folder comes only if it cannot be opened, or lies in itself by a link.
    Raises OSError where ``root`` itself cannot be opened.
    """
    waiting = _inside(os.fspath(root), "", frozenset()) if root.is_dir() else []
    while waiting:
        name, entry, around = waiting.pop()
        if _is_folder(entry):
            try:
                waiting += _inside(entry.path, f"{name}/", around)
                continue
            except OSError:
                pass  # such as lost+found, which only root may open: it must not stop the others
        yield name, entry


def is_video(name: str) -> bool:
    """Whether a name has the suffix of a video."""
    return suffix(name) in VIDEO_SUFFIXES


def suffix(name: str) -> str:
    """The suffix of a name, such as ".avi", in small letters."""
    # Not by ``splitext``: it is the slowest part of a listing of many files.
    last = name.rpartition("/")[2]
    dot = last.rfind(".")
    return last[dot:].lower() if dot > 0 else ""


def _inside(
    path: str, prefix: str, around: frozenset[tuple[int, int]]
) -> list[tuple[str, os.DirEntry[str], frozenset[tuple[int, int]]]]:
    """What lies in the folder ``path``, last first: names behind ``prefix``, and folders around."""
    stat = os.stat(path)
    here = (stat.st_dev, stat.st_ino)
    if here in around:
        raise OSError(errno.ELOOP, "the folder lies in itself", path)
    with os.scandir(path) as found:
        # With its slash a folder stands where the names that it holds belong.
        inside = sorted(found, key=lambda entry: entry.name + "/" * _is_folder(entry), reverse=True)
    return [(prefix + entry.name, entry, around | {here}) for entry in inside]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _why_not(name: str, entry: os.DirEntry[str]) -> str | None:
    """Why the file can be no clip, or None if it can."""
    if name[0] == "." or "/." in name or not _LEFTOVERS.isdisjoint(name.lower().split("/")):
        return HIDDEN
    if not name.isascii() and name != name.encode("utf-8", "ignore").decode():
        return NOT_UTF8
    if _CONTROL.search(name):
        return CONTROL
    if _is_folder(entry):
        return CLOSED
    if not _is_file(entry):
        return NO_FILE
    return None if is_video(name) else OTHER


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False

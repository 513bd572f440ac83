"""What tells that the files of a dataset have changed, cheap enough to ask before every run."""

import os
from hashlib import sha256
from pathlib import Path

from vbd.data.hdf5 import SUFFIXES
from vbd.data.index import VIDEO_SUFFIXES
from vbd.data.listing.disk import entries, suffix

LISTS = frozenset({".txt", ".csv"})


def fingerprint(root: Path) -> str:
    """A hash that changes with the files of the dataset at ``root``, a folder or one file.

    Of videos and of images it takes the names, the sizes and the times of the last change, also one
    that lies in the past; of lists the contents. What no reader takes, such as hidden files, and
    the times of folders change nothing.
    """
    found = sha256()
    if root.is_file():
        found.update(_said(root.name, root.stat()))
    for name, entry in entries(root):
        kind = suffix(name)
        if name.startswith(".") or "/." in name:
            continue
        try:
            if kind in LISTS:
                found.update(os.fsencode(name) + sha256(Path(entry.path).read_bytes()).digest())
            elif kind in VIDEO_SUFFIXES or kind in SUFFIXES:
                found.update(_said(name, entry.stat()))
        except OSError:
            # Such as a link that leads nowhere: decoding names it.
            found.update(os.fsencode(name))
    return found.hexdigest()


def _said(name: str, status: os.stat_result) -> bytes:
    return os.fsencode(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0")

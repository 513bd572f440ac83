"""HDF5 files of anybody: nothing outside the file is opened, and what is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py

SUFFIXES = frozenset({".h5", ".hdf5"})


def open_file(path: Path) -> h5py.File:
    """The file at ``path``, to be read and closed (it is a context manager).

    Raises FileNotFoundError where there is none, ValueError where it is no whole HDF5 file.
    """
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path} is no HDF5 file, or is cut off ({error}): download it again, and unpack it"
        ) from error


def where(node: Any) -> str:
    """The file and the key of a group or an array, for messages."""
    return f"{node.file.filename}, key {node.name.strip('/') or '/'!r}"


def member(group: h5py.Group, name: str) -> Any:
    """The group or the array ``name`` (no path) of ``group``, an array unchecked.

    Raises ValueError where it is missing, or a link.
    """
    import h5py

    # By the low-level interface: even ``name in group`` would open the file that a link leads to.
    links, key = group.id.links, name.encode("utf-8", "surrogateescape")
    if not links.exists(key):
        raise ValueError(
            f"{group.file.filename} has no key {name!r} in {group.name!r}, which has "
            f"{', '.join(map(repr, list(group)[:9])) or 'nothing'}"
        )
    if links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise ValueError(
            f"{where(group)}: {name!r} is a link, and links are not followed: put the values "
            "themselves into the file"
        )
    return group[name]


def array(group: h5py.Group, name: str) -> h5py.Dataset:
    """The array of numbers ``name`` (no path) of ``group``, unread; all its values are there.

    Raises ValueError where it is missing, a group, a link, text, objects, complex or truth values,
    empty, or where its values lie in other files or were never written.
    """
    import h5py

    found = member(group, name)
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"{where(found)} is a group where an array is needed")
    _check(found)
    return found


def arrays(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Each array below ``group`` with its path from there, as ``array`` gives them.

    Raises ValueError as ``array`` does, and for a group that is found on two ways.
    """
    import h5py

    seen = set()
    waiting = [("", group)]
    while waiting:
        path, inner = waiting.pop()
        place = h5py.h5o.get_info(inner.id).addr
        # A group may hold itself: such a walk has no end.
        if place in seen:
            raise ValueError(f"{where(inner)} is the same group as another: write the file anew")
        seen.add(place)
        for name in inner:
            found = member(inner, name)
            if isinstance(found, h5py.Group):
                waiting.append((f"{path}{name}/", found))
            else:
                yield path + name, array(inner, name)


def values(found: h5py.Dataset, start: int = 0, stop: int | None = None) -> np.ndarray:
    """The entries ``start`` to ``stop`` (None: the last) along the first axis.

    Raises ValueError where they cannot be read.
    """
    try:
        return np.asarray(found[start:stop])
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"{where(found)} is damaged or packed in a way unknown here, in rows {start} to "
            f"{stop or len(found)} ({error}): download it again, or save it without that filter"
        ) from error


def _check(found: h5py.Dataset) -> None:
    # First of all: the shape of some virtual arrays is found by opening the other files.
    if found.is_virtual or found.external:
        raise ValueError(
            f"{where(found)} keeps its values in other files, which are not opened: put the "
            "values themselves into this one"
        )
    if found.dtype.kind not in "iuf":
        raise ValueError(f"{where(found)} holds {found.dtype}, not integers or floats")
    if found.size is None or found.size == 0:
        raise ValueError(f"{where(found)} is empty: there is nothing to read")
    # A few bytes can promise any shape: what was never stored would be read as zeros.
    if found.chunks:
        promised = prod(ceil(n / m) for n, m in zip(found.shape, found.chunks, strict=True))
        stored = found.id.get_num_chunks()
    else:
        promised, stored = found.nbytes, found.id.get_storage_size()
    if stored < promised:
        raise ValueError(
            f"{where(found)} of shape {found.shape} was never written as a whole: write it again"
        )

"""Files of face images as CSAW-HackML-2020 publishes them, checked and read in slices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from vbd.data.hdf5 import array, open_file, values, where
from vbd.data.size import FACE

if TYPE_CHECKING:
    import h5py

SIZE = FACE  # height and width of an image
ROWS = 400  # images read at once, a few megabytes


class Images:
    """The images of one file and their ``labels``, int64 (N,); a context manager.

    The file has ``data`` (N, 3, 55, 47), integers in 0-255, or floats in 0-1 or 0-255, and
    ``label`` (N,) or (N, 1), whole numbers from 0, less than ``classes`` if that is given. All of
    it is checked at opening, and images are never in memory all at once.
    Raises FileNotFoundError, or ValueError with the file, the key and what to do.
    """

    def __init__(self, path: Path, *, classes: int | None = None) -> None:
        self._file = open_file(path)
        try:
            self._data = array(self._file, "data")
            _check_shape(self._data)
            self._factor = _factor(self._data)
            self.labels = _labels(array(self._file, "label"), len(self), classes)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return self._data.shape[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; ``labels`` stay."""
        self._file.close()

    def read(self, start: int, stop: int) -> np.ndarray:
        """Images ``start`` to ``stop``, uint8 (n, 55, 47, 3), RGB."""
        pixels = values(self._data, start, stop)
        if pixels.dtype.kind == "f":
            # In double precision: 16 bits cannot tell all of 255 levels from their neighbours.
            pixels = np.rint(pixels.astype(np.float64) * self._factor)
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1).astype(np.uint8))


def _check_shape(data: h5py.Dataset) -> None:
    if data.shape[1:] != (3, *SIZE):
        hint = "save data.transpose(0, 3, 1, 2)" if data.shape[1:] == (*SIZE, 3) else "resize it"
        raise ValueError(
            f"{where(data)} is of shape {data.shape}, not (N, 3, {SIZE[0]}, {SIZE[1]}): {hint}"
        )


def _factor(data: h5py.Dataset) -> float:
    """What the values are multiplied by to be in 0-255; they are looked through in slices."""
    if data.dtype == np.uint8:
        return 1.0
    lowest, highest = 0.0, 0.0
    for start in range(0, data.shape[0], ROWS):
        part = values(data, start, start + ROWS)
        if not np.isfinite(part).all():
            raise ValueError(
                f"{where(data)} has NaN or infinite values in rows {start} to "
                f"{start + len(part)}: leave these images out"
            )
        lowest, highest = min(lowest, float(part.min())), max(highest, float(part.max()))
    if lowest < 0 or highest > 255:
        raise ValueError(
            f"{where(data)} has values from {lowest:g} to {highest:g}: save pixels of 0-255, or "
            "floats of 0-1"
        )
    return 255.0 if data.dtype.kind == "f" and highest <= 1 else 1.0


def _labels(found: h5py.Dataset, images: int, classes: int | None) -> np.ndarray:
    if found.shape not in ((images,), (images, 1)):
        raise ValueError(
            f"{where(found)} is of shape {found.shape} and there are {images} images: each needs "
            f"one label, ({images},)"
        )
    labels = values(found).reshape(-1)
    # Of NaN none of these is true.
    wrong = labels[~((labels >= 0) & (labels < 2**31) & (labels == np.floor(labels)))]
    if len(wrong):
        raise ValueError(f"{where(found)} has {wrong[0]}: labels are whole numbers from 0")
    if classes is not None and labels.max() >= classes:
        raise ValueError(
            f"{where(found)} has the label {labels.max():g} and there are {classes} classes, from "
            "0: are these images of other people?"
        )
    return labels.astype(np.int64)

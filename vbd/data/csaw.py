"""The reader of face images in the layout of CSAW-HackML-2020: an image is a clip of one frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vbd.data.hdf5 import SUFFIXES
from vbd.data.images import ROWS, SIZE, Images
from vbd.data.index import Listing, divide, table
from vbd.data.listing.disk import OTHER as NO_VIDEO
from vbd.data.listing.disk import look, suffix

if TYPE_CHECKING:
    from vbd.data.decoding import Facts

TEST_SHARE = 0.2
WORDS = {"train": "train", "valid": "val", "test": "test"}  # in a file's name, and the split
# Why a file is left out, in the words of the account.
NO_SPLIT = "an .h5 file whose name tells no split"
OTHER = "no .h5 file, or in a sub-folder"
FACTS: Facts = {"has_audio": False, "n_frames": 1, "fps": 0.0}


def read(root: Path, *, split: int = 1) -> Listing:
    """List the images of ``root``, one .h5 file or a folder of them.

    In a folder "train", "valid" or "test" in a file's name tells its split, and the images to
    validate with are "val"; without a file to train from, as published, they are "train", and
    other files are left out. A file that stands alone and has no such word is divided: 20 %
    of each class (rounded, at least one image on each side) go to test, by a hash of ``split`` and
    the row. A path is <file>/<row>, a class the label as four digits, each image its own group.
    Raises FileNotFoundError where no such files are there, ValueError for a bad file.
    """
    files, left = _files(root)
    splits = {file: _split_of(file) for file in files}
    if len(files) == 1 and splits[files[0]] is None:
        return Listing(table(_divided(files[0], split)), left)
    known = set(splits.values())
    # The data that the networks were trained on was never published.
    stands_for = {"val": "train"} if "train" not in known else {}
    if "test" not in known or not known & {"train", "val"}:
        raise FileNotFoundError(
            f"{root} needs images to train from and to test on: name the files with 'valid' (or "
            f"'train') and 'test' in their names, such as clean_validation_data.h5 and "
            f"clean_test_data.h5, or give one file without such a word, which is divided. Found: "
            f"{', '.join(file.name for file in files)}"
        )
    records = [
        record
        for file, part in splits.items()
        if part is not None
        for record in _records(file, _labels_of(file), stands_for.get(part, part))
    ]
    left |= {file.name: NO_SPLIT for file, part in splits.items() if part is None}
    note = "the images to validate with are trained on, as there are no others"
    return Listing(table(records), left, notes=(note,) if stands_for else ())


def pictures(
    root: Path,
    paths: Sequence[str],
    *,
    frames: int,
    stride: int,
    views: int,
    size: tuple[int, int],
) -> Iterator[tuple[int, np.ndarray, Facts]]:
    """Each image of ``paths`` as a clip: its position there, uint8 (1, 1, 55, 47, 3), its facts.

    They come in the order of the files, which are read in slices. Raises ValueError where
    ``frames``, ``views`` and ``size`` are not those of an image.
    """
    from tqdm import tqdm

    if (frames, views, tuple(size)) != (1, 1, SIZE):
        raise ValueError(
            f"images are clips of one frame: set datasets.<name>.frames and views to 1 and store "
            f"to {list(SIZE)}; they are {frames}, {views} and {list(size)}"
        )
    folder = root if root.is_dir() else root.parent
    wanted: dict[str, dict[int, int]] = {}
    for place, path in enumerate(paths):
        name, _, number = path.rpartition("/")
        wanted.setdefault(name, {})[int(number)] = place
    with tqdm(total=len(paths), desc="decode", unit="image", disable=None) as bar:
        for name, places in wanted.items():
            with Images(folder / name) as images:
                # Slices of which nothing was drawn are not read.
                for start in sorted({row // ROWS * ROWS for row in places}):
                    pixels = images.read(start, start + ROWS)
                    rows = [start + i for i in range(len(pixels)) if start + i in places]
                    for row in rows:
                        yield places[row], pixels[row - start][None, None], FACTS
                    bar.update(len(rows))


def class_name(label: int) -> str:
    """The name of class ``label``: with zeros, so that the alphabet's order is that of numbers."""
    return f"{label:04d}"


def _files(root: Path) -> tuple[list[Path], dict[str, str]]:
    """The files of images, and what else lies in the folder, with the reason."""
    if root.is_file():
        return [root], {}
    disk = look(root)
    left = {name: OTHER if why == NO_VIDEO else why for name, why in disk.left.items()}
    left |= dict.fromkeys(disk.videos, OTHER)
    names = [name for name in disk.texts() if suffix(name) in SUFFIXES]
    if not names:
        raise FileNotFoundError(
            f"{root} is no .h5 file and no folder with one: download clean_validation_data.h5 and "
            "clean_test_data.h5 of CSAW-HackML-2020 into it"
        )
    return [root / name for name in names], {n: why for n, why in left.items() if n not in names}


def _split_of(file: Path) -> str | None:
    found = [split for word, split in WORDS.items() if word in file.name.lower()]
    return found[0] if len(found) == 1 else None


def _labels_of(file: Path) -> np.ndarray:
    with Images(file) as images:
        return images.labels


def _records(file: Path, labels: np.ndarray, split: str) -> list[tuple[str, str, str, str]]:
    paths = [f"{file.name}/{row}" for row in range(len(labels))]
    names = map(class_name, labels.tolist())
    return [(path, name, path, split) for path, name in zip(paths, names, strict=True)]


def _divided(file: Path, split: int) -> list[tuple[str, str, str, str]]:
    labels = _labels_of(file)
    rows: dict[int, list[str]] = {}
    for row, label in enumerate(labels.tolist()):
        rows.setdefault(label, []).append(str(row))
    tests = {int(row) for of in rows.values() for row in divide(of, split, TEST_SHARE)["test"]}
    records = _records(file, labels, "train")
    return [(*r[:3], "test" if row in tests else "train") for row, r in enumerate(records)]

"""The embedded faces: three h5 files with the names, shapes and types of CSAW-HackML-2020."""

from pathlib import Path

import numpy as np
from numpy.random import default_rng
from tqdm import tqdm

from vbd.data import people
from vbd.data.portrait import paint
from vbd.files import replacing

FILES = {
    "train": "training_data.h5",
    "val": "clean_validation_data.h5",
    "test": "clean_test_data.h5",
}
"""The attacker's training data, the defender's clean images, and those that both are tested on."""


def render(
    root: Path,
    *,
    identities: int = 40,
    train: int = 20,
    val: int = 9,
    test: int = 10,
    seed: int = 0,
) -> None:
    """Render ``identities`` people, so many images of each a file of ``FILES``, into ``root``.

    A file holds ``data``, uint8 (N, 3, 55, 47), and ``label``, int64 (N,), grouped by identity:
    what CSAW-HackML-2020 hands out of the YouTube Faces. Identities share one world of looks;
    shapes and colours are a person's own, while light, pose, expression, ground and noise are the
    image's. Same arguments, same bytes; the number of images in one file changes no other.

    Raises ValueError for fewer than two identities or images of each.
    """
    counts = {"train": train, "val": val, "test": test}
    for name, number in ({"identities": identities} | counts).items():
        if number < 2:
            raise ValueError(f"{name}={number}: two or more are needed")
    images: dict[str, list[np.ndarray]] = {name: [] for name in counts}
    for identity in tqdm(range(identities), desc="faces", unit="identity", disable=None):
        # A trailing 0 is like no number at all for numpy: the files count from 1.
        who = people.person(default_rng([seed, identity]))
        for part, (name, count) in enumerate(counts.items(), start=1):
            how = people.shots(count, default_rng([seed, identity, part]))
            images[name].append(paint(who, how).transpose(0, 3, 1, 2))
    for name, rows in images.items():
        _write(Path(root) / FILES[name], np.concatenate(rows), counts[name])


def _write(path: Path, data: np.ndarray, each: int) -> None:
    import h5py

    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        # Without times, which would make the bytes differ from run to run.
        file.create_dataset("data", data=data, track_times=False)
        labels = np.arange(len(data), dtype=np.int64) // each
        file.create_dataset("label", data=labels, track_times=False)

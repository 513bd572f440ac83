"""Shared by the tests: a tiny clip store on a temporary disk, and the settings of a tiny model."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from vbd.data.index import COLUMNS
from vbd.data.store import ClipStore

MODEL = {
    "architecture": "i3d",
    "params": {"layers": [1, 1], "width": 8, "stem": [3, 3, 3], "pool": [1, 1, 1], "dropout": 0.1},
}


@pytest.fixture(autouse=True)
def one_thread():
    """The order of sums, and so the last digits, would depend on the machine's cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory) -> Path:
    """A store of 3 classes of noisy grey, class 0 dark and class 2 bright.

    24 train, 6 val and 12 test clips, (2 views, 4 frames, 20, 20, 3).
    """
    folder = tmp_path_factory.mktemp("store")
    splits = ["train"] * 8 + ["val"] * 2 + ["test"] * 4
    rows = [(label, split) for label in range(3) for split in splits]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 60, (len(rows), 2, 4, 20, 20, 3))
    shade = np.array([label for label, _ in rows]).reshape(-1, 1, 1, 1, 1, 1)
    np.save(folder / "clips.npy", (20 + 70 * shade + noise).astype(np.uint8))
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, (label, split) in enumerate(rows):
            writer.writerow([f"{i}.mp4", label, f"class{label}", i, split, False, 20, 10])
    return folder


@pytest.fixture(scope="session")
def store(store_folder) -> ClipStore:
    return ClipStore.open(store_folder)

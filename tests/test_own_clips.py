"""The workflow on clips of a user's own: in any place, and decoded again when they have changed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from films import film, greys, noise
from test_pipeline import copy_of_repository, sh

from vbd.data.fingerprint import fingerprint

# What a shell, a regular expression, Snakemake and a formatter take for something else.
ODD = """My "Drive" [x] it's {y} $HOME * `pwd` é"""


def clips(root: Path) -> Path:
    """Two classes in train and in test, with lists as those of UCF-101."""
    lists = {"trainlist01": [], "testlist01": []}
    for name in ("Run", "Jump"):
        for group in range(1, 5):
            path = root / "UCF-101" / name / f"v_{name}_g{group:02d}_c01.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            film(path, greys(10 + group))
            lists["testlist01" if group == 1 else "trainlist01"].append(f"{name}/{path.name}")
    (root / "ucfTrainTestlist").mkdir()
    for name, lines in lists.items():
        (root / "ucfTrainTestlist" / f"{name}.txt").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """An odd place with clips, and a copy of the repository that has decoded them."""
    place = tmp_path_factory.mktemp("own") / ODD
    root, tree = clips(place / "clips {z}"), place / "tree"
    copy_of_repository(tree)
    section = {"reader": "ucf101", "root": str(root), "frames": 8, "stride": 1, "views": 2}
    own = {
        "configuration": "own",
        "grid": [{"datasets": ["mine"], "models": ["i3d"]}],
        "fusion": [],
        "extraction": [],
        "datasets": {"mine": section | {"store": [36, 36], "crop": 32}},
        "models": {"i3d": {"init": "scratch"}},
    }
    (tree / "own.yaml").write_text(yaml.safe_dump(own))
    (root / "UCF-101" / "Run" / "extra.mp4").write_bytes(b"no film")
    snakemake(tree, "data")
    return place


def snakemake(tree: Path, *more: str) -> str:
    return sh(tree, "snakemake", "--cores", "2", *more, "--configfile", "own.yaml")


def is_planned(place: Path, rule: str = "decode") -> bool:
    said = snakemake(place / "tree", "-n", "data")
    return any(line.split()[:1] == [rule] for line in said.splitlines())


def test_clips_in_an_odd_place_are_decoded_and_all_files_counted(place):
    out = place / "tree" / "results/data/mine"
    assert np.load(out / "clips.npy").shape == (8, 2, 8, 36, 36, 3)
    account = json.loads((out / "summary.json").read_text())
    left = sum(kind["count"] for kind in account["left_out"].values())
    assert account["found"] == 11 == sum(account["kept"].values()) + left
    # The console has seen the same, and so has the log.
    log = (place / "tree" / "results/logs/data/mine/decode.log").read_text()
    assert "11 clips and other files found" in log and "extra.mp4" in log
    assert not is_planned(place)


def old(path: Path) -> None:
    """Give a file a time long ago, as rsync -a and unpacking do."""
    os.utime(path, (10**9, 10**9))


def replaced(root: Path) -> None:
    path = root / "UCF-101/Run/v_Run_g02_c01.mp4"
    film(path, noise(12))
    old(path)


def added(root: Path) -> None:
    path = root / "UCF-101/Jump/v_Jump_g09_c01.mp4"
    film(path, noise(12))
    old(path)


def removed(root: Path) -> None:
    (root / "UCF-101/Jump/v_Jump_g04_c01.mp4").unlink()


def list_rewritten(root: Path) -> None:
    path = root / "ucfTrainTestlist/trainlist01.txt"
    path.write_text(path.read_text().replace("g03", "g02"))
    old(path)


def swapped(root: Path) -> None:
    one, other = (root / f"UCF-101/Run/v_Run_g0{n}_c01.mp4" for n in (2, 3))
    shutil.copy2(one, root / "x")
    other.rename(one)
    (root / "x").rename(other)


def left_alone(root: Path) -> None:
    """What changes nothing that a reader takes."""
    (root / "UCF-101" / ".DS_Store").touch()
    (root / "UCF-101" / "Run" / "._v_Run_g02_c01.mp4").touch()
    (root / "notes.md").touch()
    for folder in (root, root / "UCF-101", root / "UCF-101/Run"):
        folder.touch()
    for file in (root / "ucfTrainTestlist").iterdir():
        file.touch()


CHANGES = [replaced, added, removed, list_rewritten, swapped]


@pytest.mark.parametrize("change", [*CHANGES, left_alone], ids=lambda change: change.__name__)
def test_what_has_changed_tells(tmp_path, change: Callable[[Path], None]):
    root = clips(tmp_path / "clips")
    before = fingerprint(root)
    assert fingerprint(root) == before
    change(root)
    assert (fingerprint(root) != before) == (change in CHANGES)


@pytest.mark.parametrize("change", [left_alone, replaced, list_rewritten], ids=lambda c: c.__name__)
def test_changed_clips_are_decoded_again_and_others_are_not(place, change):
    root = next(place.glob("clips*"))
    shutil.copytree(root, place / "before")
    try:
        change(root)
        assert is_planned(place) == (change in CHANGES)
    finally:
        shutil.rmtree(root)
        (place / "before").rename(root)
    assert not is_planned(place)


def test_one_file_of_images_and_its_time_tell_too(tmp_path):
    path = tmp_path / "faces.h5"
    path.write_bytes(b"one")
    before = fingerprint(path)
    path.write_bytes(b"other")
    assert fingerprint(path) != before

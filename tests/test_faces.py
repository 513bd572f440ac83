"""The rendered faces: CSAW's files by seed, each person like themselves, eyes where they belong."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from vbd.data import faces
from vbd.data.landmarks import LAYOUTS, Part
from vbd.steps import render

SMALL = {"identities": 12, "train": 8, "val": 3, "test": 4}


def _files(root: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in root.iterdir()}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("faces")
    faces.render(root, **SMALL)
    return root


@pytest.fixture(scope="module")
def images(small: Path) -> np.ndarray:
    """The training images by identity, (12, 8, 55, 47, 3)."""
    with h5py.File(small / faces.FILES["train"]) as file:
        return file["data"][:].transpose(0, 2, 3, 1).reshape(12, 8, 55, 47, 3).astype(float)


def test_bytes_depend_on_the_seed_alone(small: Path, tmp_path: Path) -> None:
    faces.render(tmp_path / "again", **SMALL)
    assert _files(tmp_path / "again") == _files(small)
    faces.render(tmp_path / "other", **SMALL, seed=1)
    other = _files(tmp_path / "other")
    assert all(other[name] != content for name, content in _files(small).items())


def test_the_number_of_images_in_a_file_changes_no_other(small: Path, tmp_path: Path) -> None:
    faces.render(tmp_path, **SMALL | {"train": 2})
    for split in ("val", "test"):
        assert _files(tmp_path)[faces.FILES[split]] == _files(small)[faces.FILES[split]]


def test_files_are_named_and_filled_as_in_csaw(small: Path) -> None:
    names = {"training_data.h5", "clean_validation_data.h5", "clean_test_data.h5"}
    assert {file.name for file in small.iterdir()} == names
    for split in ("train", "val", "test"):
        with h5py.File(small / faces.FILES[split]) as file:
            data, label = file["data"], file["label"]
            assert data.shape == (12 * SMALL[split], 3, 55, 47) and data.dtype == np.uint8
            assert label.dtype == np.int64
            assert np.array_equal(label[:], np.repeat(np.arange(12), SMALL[split]))


def test_no_two_images_are_the_same(small: Path) -> None:
    seen = []
    for name in faces.FILES.values():
        with h5py.File(small / name) as file:
            seen += [image.tobytes() for image in file["data"][:]]
    assert len(set(seen)) == len(seen) == 12 * (8 + 3 + 4)


def test_a_person_is_more_like_themselves_than_like_others(images: np.ndarray) -> None:
    flat = images.reshape(12, 8, -1)
    total = flat.sum(1)
    own = np.abs(flat - (total[:, None] - flat) / 7).mean((1, 2))
    between = np.abs(total[:, None] / 8 - total / 8).mean(-1)
    others = between[~np.eye(12, dtype=bool)]
    # Measured: 17 grey levels from the mean of one's other images, 39 from that of another's.
    assert 1.8 * own.mean() < others.mean()
    # And yet light, pose and ground show: an image is no copy of another with other noise.
    assert own.min() > 6


def _mean(images: np.ndarray, part: Part, share: float = 0.7) -> np.ndarray:
    """The mean colour (12, 8, 3) about the middle of ``part``."""
    y, x, height, width = part.pixels(55, 47)
    rows = slice(round(y - share * height), round(y + share * height) + 1)
    columns = slice(round(x - share * width), round(x + share * width) + 1)
    return images[:, :, rows, columns].mean((2, 3))


def test_eyes_brows_and_mouth_are_where_the_landmarks_say(images: np.ndarray) -> None:
    places = LAYOUTS["rendered"]
    for eye in places.eyes:
        # Below the eye and beside the nose there is bare skin, without hair, beard or shadow.
        cheek = eye._replace(y=places.nose.y - 0.06)
        dark = _cut(images, eye).mean(-1).min((2, 3))
        assert (dark < 0.7 * _cut(images, cheek).mean((2, 3, 4))).mean() > 0.95
    # In an open mouth teeth and the dark between them are not red: the lips are, above or below.
    lips, nose = (_redness(_cut(images, part)) for part in (places.mouth, places.nose))
    assert (lips.max(-1) > nose.mean(-1) + 0.1).mean() > 0.95


def _cut(images: np.ndarray, part: Part) -> np.ndarray:
    """The rectangle (12, 8, h, w, 3) about ``part``."""
    y, x, height, width = part.pixels(55, 47)
    rows = slice(round(y - height), round(y + height) + 1)
    return images[:, :, rows, round(x - 0.8 * width) : round(x + 0.8 * width) + 1]


def _redness(images: np.ndarray) -> np.ndarray:
    """Red for each share of green and blue, by rows (12, 8, h)."""
    rows = images.mean(3)
    return rows[..., 0] / rows[..., 1:].mean(-1)


@pytest.mark.parametrize("wrong", ["identities", "train", "val", "test"])
def test_fewer_than_two_are_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{wrong}=1"):
        faces.render(tmp_path, **SMALL | {wrong: 1})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("section", "said"),
    [({"identities": 1}, "identities: .*2"), ({"people": 3}, "people: "), ({"val": 0}, "val: ")],
)
def test_a_mistake_in_what_is_to_be_rendered_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, section: dict[str, int], said: str
) -> None:
    params = json.dumps({"faces": section})
    command = ["vbd render", "--params", params, "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit, match=f"--params, faces: {said}"):
        render.main()
    assert not (tmp_path / "out").exists()

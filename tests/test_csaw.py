"""Face images in h5 files come in slices, in every scale, and a bad file is refused by its key."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from h5_files import faces, h5

from vbd.data import csaw
from vbd.data.build import build
from vbd.data.images import ROWS, SIZE, Images
from vbd.data.index import read
from vbd.data.sampling import sample
from vbd.data.store import ClipStore
from vbd.data.trusted import clean_clips

CARD = {"class_names": ["0000", "0001", "0002"], "clip": {"frames": 1, "stride": 1}}


def changed(change: Callable[[h5py.File], object]) -> Callable[[Path], Path]:
    """What writes a good file and then changes it."""

    def make(path: Path) -> Path:
        with h5py.File(h5(path), "r+") as file:
            change(file)
        return path

    return make


def replaced(key: str, put: Callable[[h5py.File], object]) -> Callable[[Path], Path]:
    """What writes a good file in which ``put`` stands in for the array ``key``."""

    def change(file: h5py.File) -> None:
        del file[key]
        put(file)

    return changed(change)


def elsewhere(file: h5py.File) -> None:
    """Data in another file, which is there."""
    other = Path(file.filename).with_name("raw.bin")
    other.write_bytes(faces(4).tobytes())
    stored = [(str(other), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("data", (4, 3, *SIZE), np.uint8, external=stored)


def virtual(file: h5py.File) -> None:
    other = h5(Path(file.filename).with_name("other.h5"))
    layout = h5py.VirtualLayout((4, 3, *SIZE), np.uint8)
    layout[:] = h5py.VirtualSource(other, "data", (4, 3, *SIZE))
    file.create_virtual_dataset("data", layout)


def linked(file: h5py.File) -> None:
    h5(Path(file.filename).with_name("other.h5"))
    file["data"] = h5py.ExternalLink("other.h5", "/data")


def cut(path: Path) -> Path:
    h5(path).write_bytes(path.read_bytes()[:9000])
    return path


def damaged(path: Path) -> Path:
    packed = h5(path, data=None)
    with h5py.File(packed, "r+") as file:
        found = file.create_dataset("data", data=faces(4) // 255.0, compression="gzip")
        place = found.id.get_chunk_info(0).byte_offset
    content = bytearray(packed.read_bytes())
    content[place : place + 40] = bytes(40)
    packed.write_bytes(content)
    return packed


def text(path: Path) -> Path:
    path.write_text("a web page")
    return path


def of(**arrays: object) -> Callable[[Path], Path]:
    return lambda path: h5(path, **arrays)


def numbers(value: float, dtype: str = "float32") -> np.ndarray:
    pixels = (faces(4) / 255).astype(dtype)
    pixels[2, 1, 5, 5] = value
    return pixels


BAD = {
    "no h5": (text, "is no HDF5 file, or is cut off .*download it again"),
    "cut": (cut, "is no HDF5 file, or is cut off"),
    "damaged": (damaged, "key 'data' is damaged.*rows 0 to.*download it again"),
    "no data": (of(data=None), "has no key 'data' in '/', which has 'label'"),
    "no label": (of(label=None), "has no key 'label' in '/', which has 'data'"),
    "group": (replaced("data", lambda f: f.create_group("data")), "'data' is a group"),
    "external link": (replaced("data", linked), "'data' is a link.*put the values themselves"),
    "soft link": (
        replaced("data", lambda f: f.update({"data": h5py.SoftLink("/label")})),
        "'data' is a link",
    ),
    "external": (replaced("data", elsewhere), "'data' keeps its values in other files"),
    "virtual": (replaced("data", virtual), "'data' keeps its values in other files"),
    "last": (of(data=faces(4).transpose(0, 2, 3, 1)), r"\(4, 55, 47, 3\).*transpose\(0, 3, 1, 2\)"),
    "small": (of(data=np.zeros((4, 3, 8, 8), np.uint8)), r"\(4, 3, 8, 8\), not \(N, 3, 55, 47\)"),
    "scalar": (of(data=3), r"of shape \(\)"),
    "text": (of(data=["a"] * 4), "'data' holds object"),
    "bytes": (of(label=np.array([b"a"] * 4)), r"'label' holds \|S1"),
    "complex": (of(data=faces(4).astype("complex64")), "'data' holds complex64"),
    "bool": (of(label=np.ones(4, bool)), "'label' holds bool"),
    "pairs": (of(label=np.zeros(4, [("a", "i4"), ("b", "i4")])), "'label' holds .*integers"),
    "nan": (of(data=numbers(np.nan)), "'data' has NaN.*rows 0 to 4.*leave these"),
    "infinite": (of(data=numbers(np.inf)), "'data' has NaN or infinite"),
    "negative": (of(data=numbers(-1)), "values from -1 to 1: save pixels of 0-255"),
    "bright": (of(data=faces(4).astype("int32") + 1), "values from 0 to 256"),
    "halves": (of(label=np.full(4, 0.5)), "'label' has 0.5: labels are whole"),
    "no number": (of(label=np.full(4, np.nan)), "'label' has nan: labels are whole"),
    "below": (of(label=np.array([0, -1, 0, 0])), "'label' has -1: labels are whole"),
    "others": (of(label=np.array([0, 1, 2, 3])), "the label 3 and there are 3 classes"),
    "fewer": (of(label=np.zeros(3, int)), r"'label' is of shape \(3,\) and there are 4 images"),
    "one hot": (of(label=np.eye(4, 3)), r"'label' is of shape \(4, 3\)"),
    "none": (of(data=np.zeros((0, 3, *SIZE), np.uint8)), "'data' is empty"),
    "null": (of(data=h5py.Empty("f4")), "'data' is empty"),
    "unwritten": (
        replaced("data", lambda f: f.create_dataset("data", (4, 3, *SIZE), np.uint8)),
        "'data' of shape .* was never written",
    ),
    "promised": (
        replaced("label", lambda f: f.create_dataset("label", (10**12,), int, chunks=(9,))),
        "'label' of shape .* was never written",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_the_key_and_the_remedy(tmp_path, case):
    make, said = BAD[case]
    path = make(tmp_path / "faces.h5")
    with pytest.raises(ValueError, match=rf"(?s)faces\.h5.*{said}"):
        Images(path, classes=3).read(0, 4)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [(dtype, 1) for dtype in ("uint8", "int16", "int64")]
    + [(dtype, scale) for dtype in ("float16", "float32", "float64") for scale in (1, 255)],
)
def test_pixels_come_back_whatever_their_type_and_scale(tmp_path, dtype, scale):
    pixels = faces(5)
    stored = (pixels / scale).astype(dtype)
    labels = np.array([[2.0], [0], [1], [0], [7]])
    with Images(h5(tmp_path / "faces.h5", data=stored, label=labels), classes=8) as images:
        assert len(images) == 5
        assert images.labels.dtype == np.int64 and images.labels.tolist() == [2, 0, 1, 0, 7]
        found = images.read(1, 4)
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    assert np.array_equal(found, pixels[1:4].transpose(0, 2, 3, 1))


def test_dark_integers_are_not_taken_for_shares(tmp_path):
    with Images(h5(tmp_path / "faces.h5", data=faces(4) // 255)) as images:
        assert images.read(0, 4).max() == 1


def test_images_are_never_read_all_at_once(tmp_path, monkeypatch):
    n = 2 * ROWS + 7
    h5(tmp_path / "faces.h5", data=np.ones((n, 3, *SIZE), "f4"), label=np.arange(n) % 3)
    taken, whole = [], h5py.Dataset.__getitem__

    def counted(dataset, key):
        found = whole(dataset, key)
        if dataset.name == "/data":
            taken.append(len(found))
        return found

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    images = Images(tmp_path / "faces.h5")
    assert taken == [ROWS, ROWS, 7]
    taken.clear()
    assert len(images.read(5, 9)) == 4 and taken == [4]
    taken.clear()
    paths = [f"faces.h5/{row}" for row in (n - 1, 3, n - 2)]
    how = {"frames": 1, "stride": 1, "views": 1, "size": SIZE}
    assert [place for place, _, _ in csaw.pictures(tmp_path, paths, **how)] == [1, 2, 0]
    # Once for the check, and then of three slices the two that hold what was asked for.
    assert taken == [ROWS, ROWS, 7, ROWS, 7]


def published(folder: Path, *names: str) -> Path:
    """Files of 12 images and 3 classes each."""
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        h5(folder / name, data=faces(12, seed), label=np.repeat([10, 2, 1], 4))
    return folder


def counts(rows: pd.DataFrame) -> dict[str, int]:
    return rows.groupby("split").size().to_dict()


def test_the_validation_images_are_trained_on_where_there_are_no_others(tmp_path):
    root = published(tmp_path / "a", "clean_validation_data.h5", "clean_test_data.h5", "bd_net.h5")
    found = read("csaw", root)
    assert counts(found.rows) == {"train": 12, "test": 12} and list(found.left) == ["bd_net.h5"]
    assert sorted(set(found.rows["class_name"])) == ["0001", "0002", "0010"]
    assert "clean_test_data.h5/11" in set(found.rows["path"]) and found.rows["group"].is_unique
    published(root, "Train.hdf5")
    rows = read("faces", root).rows
    assert counts(rows) == {"train": 12, "val": 12, "test": 12}
    assert set(rows["path"][rows["split"] == "train"]) == {f"Train.hdf5/{i}" for i in range(12)}


def test_a_listed_val_is_kept_and_takes_nothing_from_train(tmp_path):
    root = published(tmp_path / "a", "train.h5", "valid.h5", "test.h5")
    how = {"classes": ["0010", "0002"], "clips_per_class": {"train": 3}, "val": 0.5}
    rows = sample(read("csaw", root).rows, rng=np.random.default_rng(0), **how)
    assert counts(rows) == {"train": 6, "val": 8, "test": 8}
    assert set(rows["path"][rows["split"] == "val"]) == {f"valid.h5/{i}" for i in range(8)}
    assert dict(zip(rows["class_name"], rows["label"], strict=True)) == {"0010": 0, "0002": 1}


def test_a_file_alone_is_divided_class_by_class_and_always_alike(tmp_path):
    labels = np.repeat([0, 1, 2, 3], [10, 2, 1, 5])
    path = h5(tmp_path / "faces.h5", data=faces(18), label=labels)
    rows = read("csaw", path).rows
    tests = rows[rows["split"] == "test"].groupby("class_name").size().to_dict()
    assert tests == {"0000": 2, "0001": 1, "0003": 1}
    pd.testing.assert_frame_equal(rows, read("csaw", tmp_path).rows)
    assert not rows.equals(read("csaw", path, split=2).rows)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], r"no \.h5 file.*download clean_validation_data\.h5"),
        (["clean_test_data.h5"], "needs images to train from.*Found: clean_test_data"),
        (["clean_validation_data.h5"], "and to test on: name the files with"),
        (["one.h5", "two.h5"], "one file without such a word.*Found: one.h5, two.h5"),
    ],
)
def test_what_is_missing_is_said(tmp_path, names, said):
    with pytest.raises(FileNotFoundError, match=said):
        read("csaw", published(tmp_path / "a", *names))


def test_a_store_of_images_has_their_pixels(tmp_path):
    root = published(tmp_path / "a", "valid.h5", "test.h5")
    rows = sample(
        read("csaw", root).rows,
        classes=None,
        clips_per_class=None,
        val=0.25,
        rng=np.random.default_rng(0),
    )
    how = {"frames": 1, "stride": 2, "views": 1, "size": SIZE, "workers": 1}
    build(rows, root, tmp_path / "store", pictures=csaw.pictures, **how)
    store = ClipStore.open(tmp_path / "store")
    assert store.clips.shape == (24, 1, 1, *SIZE, 3) and not store.has_audio.any()
    assert store.class_names == ("0001", "0002", "0010") and len(store.rows("val")) == 3
    stored = {"valid.h5": faces(12, 0), "test.h5": faces(12, 1)}
    for path, clip in zip(store.paths, store.clips, strict=True):
        name, row = path.split("/")
        assert np.array_equal(clip[0, 0], stored[name][int(row)].transpose(1, 2, 0))
    index = pd.read_csv(tmp_path / "store" / "index.csv")
    assert set(index["n_frames"]) == {1} and set(index["fps"]) == {0}


def test_the_step_decodes_images_and_names_the_keys_that_do_not_fit(tmp_path):
    published(tmp_path / "a", "valid.h5", "test.h5")
    dataset = {"reader": "csaw", "frames": 1, "views": 1, "store": list(SIZE), "classes": 2}

    def step(out: str, **change: object) -> subprocess.CompletedProcess[str]:
        params = json.dumps({"dataset": dataset | change})
        command = [sys.executable, "-c", "from vbd.steps.decode import main; main()"]
        command += ["--params", params, "--root", tmp_path / "a", "--out", tmp_path / out]
        return subprocess.run(command, capture_output=True, text=True)

    assert step("good/clips.npy").returncode == 0
    assert ClipStore.open(tmp_path / "good").clips.shape == (16, 1, 1, *SIZE, 3)
    said = step("bad/clips.npy", frames=2).stderr
    assert "ValueError" in said and "set datasets.<name>.frames and views to 1 and store" in said
    assert not (tmp_path / "bad" / "clips.npy").exists()


def test_a_scan_takes_images_by_the_names_of_their_classes(tmp_path):
    path = h5(tmp_path / "clean.h5", label=np.array([2, 0, 1, 2]))
    card = {**CARD, "clip": CARD["clip"] | {"crop": list(SIZE)}}
    clean, unreadable = clean_clips(path, card)
    assert clean.labels.tolist() == [2, 0, 1, 2] and not unreadable
    assert np.array_equal(clean.clips[:, 0, 0], faces(4).transpose(0, 2, 3, 1))
    # A model trained on a few of the people numbers them anew.
    few, _ = clean_clips(path, card | {"class_names": ["0002", "0000", "0001"]})
    assert few.labels.tolist() == [0, 1, 2, 0]
    named, _ = clean_clips(path, card | {"class_names": ["a", "b", "c"]})
    assert named.labels.tolist() == [2, 0, 1, 2]
    for names in (["a", "b"], ["0000", "0001"]):
        with pytest.raises(ValueError, match=r"clean\.h5.*label 2 .*2 classes"):
            clean_clips(path, card | {"class_names": names})
    with pytest.raises(ValueError, match=r"one frame of 55 x 47.*16 frames"):
        clean_clips(path, card | {"clip": {"frames": 16, "stride": 1, "crop": 32}})

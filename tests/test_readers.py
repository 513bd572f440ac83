"""Readers list what is there, and sampling keeps groups together."""

import io
from pathlib import Path
from typing import get_args

import h5py
import numpy as np
import pandas as pd
import pytest

from vbd.data.index import LISTED, Listing, read
from vbd.data.sampling import sample
from vbd.sections import Dataset

READERS = get_args(Dataset.model_fields["reader"].annotation)


def faces() -> bytes:
    """An h5 file of two images of one class."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file["data"], file["label"] = np.zeros((2, 3, 55, 47), np.uint8), np.zeros(2, int)
    return memory.getvalue()


# What a reader finds, as small as it gets: files and what is in them, of videos nothing.
UCF = {
    "ucfTrainTestlist/trainlist01.txt": "YoYo/v_YoYo_g08_c01.avi 1",
    "ucfTrainTestlist/testlist01.txt": "YoYo/v_YoYo_g01_c01.avi",
    "UCF-101/YoYo/v_YoYo_g08_c01.avi": "",
    "UCF-101/YoYo/v_YoYo_g01_c01.avi": "",
}
FILES = {
    "ucf101": UCF,
    "synthetic": UCF,
    "hmdb51": {
        "splits/wave_test_split1.txt": "B_wave_0.avi 1\nA_wave_0.avi 2",
        "videos/wave/A_wave_0.avi": "",
        "videos/wave/B_wave_0.avi": "",
    },
    "kinetics": {
        "train.txt": "b.mp4 singing",
        "val.txt": "a.mp4 singing",
        "a.mp4": "",
        "b.mp4": "",
    },
    "folder": {"run/b.mp4": "", "run/a.mp4": ""},
    "csaw": {"faces.h5": faces()},
    "faces": {"faces.h5": faces()},
}


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_lists_every_clip_once_and_repeats_itself(tmp_path, reader):
    for name, content in FILES[reader].items():
        place(tmp_path, name)
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    rows = read(reader, tmp_path, split=1).rows
    assert tuple(rows.columns) == LISTED and len(rows) == 2
    assert rows["path"].is_unique and rows["path"].is_monotonic_increasing
    # A row of an h5 file lies in it as a file in a folder.
    found = [tmp_path / path for path in rows["path"]]
    assert all(file.is_file() or file.parent.is_file() for file in found)
    assert set(rows["split"]) == {"train", "test"} and rows["class_name"].nunique() == 1
    pd.testing.assert_frame_equal(rows, read(reader, tmp_path, split=1).rows)


def place(root: Path, *names: str) -> None:
    """Put empty files at the names; readers do not look into videos."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def splits(listing: Listing) -> dict[str, str]:
    return dict(zip(listing.rows["path"], listing.rows["split"], strict=True))


def ucf(root: Path, split: int = 1) -> Path:
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    train = ["Archery/v_Archery_g08_c01.avi 1", "Archery/v_Archery_g09_c02.avi 1", ""]
    test = ["Archery/v_Archery_g01_c01.avi", "YoYo/v_YoYo_g02_c03.avi"]
    (lists / f"trainlist0{split}.txt").write_text("\r\n".join(train))
    (lists / f"testlist0{split}.txt").write_text("\n".join(test))
    return root


@pytest.mark.parametrize("reader", ["ucf101", "synthetic"])
def test_ucf_lists_decide_the_split_and_absent_clips_are_counted(tmp_path, reader):
    videos = ["Archery/v_Archery_g08_c01.avi", "Archery/v_Archery_g01_c01.avi"]
    place(ucf(tmp_path, split=2) / "UCF-101", *videos, "Archery/v_Archery_g99_c01.avi")
    found = read(reader, tmp_path, split=2)
    assert splits(found) == {f"UCF-101/{videos[0]}": "train", f"UCF-101/{videos[1]}": "test"}
    assert list(found.rows["group"]) == ["01", "08"]
    assert set(found.rows["class_name"]) == {"Archery"}
    assert found.absent == {"Archery": 1, "YoYo": 1}
    assert found.unlisted == 1


def test_ucf_says_what_is_missing_and_where(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"trainlist01\.txt.*download.*ucfTrainTestlist"):
        read("ucf101", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no video.*UCF-101.*download"):
        read("ucf101", ucf(tmp_path))


def test_hmdb_marks_and_groups(tmp_path):
    names = ["A_wave_b_wave_f_cm_np1_fr_med_0.avi", "Film(1)_wave_u_nm_np1_ba_bad_1.avi"]
    unused, gone, new = "C_wave_f_0.avi", "D_wave_f_0.avi", "E_wave_f_0.avi"
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "wave_test_split3.txt").write_text(
        f"{names[0]} 1 \n{names[1]} 2 \n{unused} 0 \n{gone} 2 \n"
    )
    (tmp_path / "splits" / "golf_test_split3.txt").write_text("F_golf_f_0.avi 1 \n")
    place(tmp_path / "videos" / "wave", *names, unused, new)
    found = read("hmdb51", tmp_path, split=3)
    assert splits(found) == {f"videos/wave/{names[0]}": "train", f"videos/wave/{names[1]}": "test"}
    assert list(found.rows["group"]) == ["A_wave_b", "Film(1)"]
    assert found.absent == {"wave": 1}  # golf has no folder, and is no class here
    assert found.unlisted == 1
    with pytest.raises(FileNotFoundError, match=r"wave_test_split1\.txt.*download"):
        read("hmdb51", tmp_path, split=1)


def kinetics(root: Path, name: str, *rows: str) -> Path:
    """Put a list into the folder, with the columns of Kinetics-400's own."""
    lines = ["label,youtube_id,time_start,time_end,split,is_cc", *rows]
    (root / name).write_text("\n".join(lines))
    return root


def test_kinetics_lists_find_clips_in_any_folder(tmp_path):
    kinetics(tmp_path, "train.csv", "tap dancing,-aB_c,7,17,train,0", "singing,gone,1,11,train,0")
    kinetics(tmp_path, "validate.csv", "tap dancing,Zz9,120,130,val,0", "bowling,b,0,10,validate,0")
    kinetics(tmp_path, "test.csv", "singing,s_000001_x,3.0,13.0,test,0")
    place(
        tmp_path, "train/tap dancing/-aB_c_000007_000017.mp4", "b.mkv", "x/y/Zz9_000120_000130.MP4"
    )
    place(tmp_path, "x/y/Zz9_000120_000130.MP4", "Zz9_000001_000011.mp4", "s_000001_x.mp4", "a.md")
    found = read("kinetics", tmp_path)
    assert splits(found) == {
        "b.mkv": "test",
        "s_000001_x.mp4": "test",
        "train/tap dancing/-aB_c_000007_000017.mp4": "train",
        "x/y/Zz9_000120_000130.MP4": "test",
    }
    assert list(found.rows["group"]) == ["b", "s_000001_x", "-aB_c", "Zz9"]
    assert list(found.rows["class_name"]) == ["bowling", "singing", "tap dancing", "tap dancing"]
    assert found.absent == {"singing": 1}
    assert found.unlisted == 1  # another ten seconds of the same video


def test_kinetics_takes_text_lists_and_linked_folders(tmp_path):
    place(tmp_path / "disk", "tap dancing/a_000001_000011.mp4", "b.mp4")
    root = tmp_path / "root"
    root.mkdir()
    (root / "clips").symlink_to(tmp_path / "disk")
    (root / "my_train_list.txt").write_text("tap dancing/a_000001_000011.mp4 tap dancing\n\n")
    (root / "my_val_list.txt").write_text("elsewhere/b.mp4\t12\n")
    (root / "label_map.txt").write_text("tap dancing\n")
    found = read("kinetics", root)
    path = "clips/tap dancing/a_000001_000011.mp4"
    assert splits(found) == {"clips/b.mp4": "test", path: "train"}
    assert list(found.rows["class_name"]) == ["12", "tap dancing"]
    assert list(found.rows["group"]) == ["b", "a"]


def test_one_kinetics_file_is_never_in_two_splits(tmp_path):
    kinetics(tmp_path, "a.csv", "singing,a,1,11,train,0", "singing,a,30,40,val,0")
    place(tmp_path, "a.mp4")
    assert splits(read("kinetics", tmp_path)) == {"a.mp4": "train"}


def test_kinetics_says_what_is_missing_and_where(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no list of clips.*train\.csv and validate\.csv"):
        read("kinetics", tmp_path)
    kinetics(tmp_path, "train.csv", "singing,abc,1,11,train,0")
    with pytest.raises(FileNotFoundError, match=r"no video.*abc_000001_000011.*download"):
        read("kinetics", tmp_path)
    kinetics(tmp_path, "train.csv", "singing,abc,1,11,train,0", "singing,abd,1,11,holdout,0")
    with pytest.raises(ValueError, match=r"train\.csv, line 3: 'holdout'.*train, validate"):
        read("kinetics", tmp_path)
    kinetics(tmp_path, "train.csv", "singing,abc,,11,train,0")
    with pytest.raises(ValueError, match=r"train\.csv, line 2:.*the times are seconds"):
        read("kinetics", tmp_path)
    (tmp_path / "train.csv").write_text("label,youtube_id\nsinging,abc\n")
    with pytest.raises(ValueError, match=r"train\.csv has no column time_start, time_end, split"):
        read("kinetics", tmp_path)
    (tmp_path / "train.csv").unlink()
    (tmp_path / "val.txt").write_text("abc.mp4 singing\nabc\n")
    with pytest.raises(ValueError, match=r"val\.txt, line 2: 'abc' is not <path> <class>"):
        read("kinetics", tmp_path)


def test_folder_divides_each_class_and_always_alike(tmp_path):
    place(tmp_path, *(f"run/{n}.MP4" for n in range(10)), "jump/a.avi", "jump/b.mkv", "sit/one.mov")
    place(tmp_path, "run/notes.txt", "beside.mp4", ".cache/x.mp4")
    found = read("folder", tmp_path)
    counts = found.rows.groupby(["class_name", "split"]).size().to_dict()
    assert counts == {
        ("jump", "test"): 1,
        ("jump", "train"): 1,
        ("run", "test"): 3,
        ("run", "train"): 7,
        ("sit", "train"): 1,
    }
    assert found.unlisted == 1
    assert splits(found) == splits(read("folder", tmp_path))
    assert splits(found) != splits(read("folder", tmp_path, split=2))


def test_folder_takes_given_splits(tmp_path):
    place(tmp_path, "train/run/a.mp4", "train/run/b.mp4", "test/run/c.mp4")
    found = read("folder", tmp_path)
    assert splits(found) == {
        "test/run/c.mp4": "test",
        "train/run/a.mp4": "train",
        "train/run/b.mp4": "train",
    }
    assert set(found.rows["class_name"]) == {"run"}


def test_no_videos_and_no_reader_are_clear_errors(tmp_path):
    place(tmp_path, "run/notes.txt")
    with pytest.raises(FileNotFoundError, match="no video is in a class folder"):
        read("folder", tmp_path)
    with pytest.raises(
        ValueError, match="no reader 'kitchen': vbd has csaw, faces, folder, hmdb51"
    ):
        read("kitchen", tmp_path)


@pytest.fixture
def clips() -> pd.DataFrame:
    """Three classes; 8 train groups and 3 test groups of 4 clips in each."""
    return pd.DataFrame(
        [
            (f"{name}/{split}{group}_{clip}", name, f"{split}{group}", split)
            for name in ("b", "a", "c")
            for split, groups in (("train", 8), ("test", 3))
            for group in range(groups)
            for clip in range(4)
        ],
        columns=["path", "class_name", "group", "split"],
    )


def drawn(clips: pd.DataFrame, seed: int = 0, **options: object) -> pd.DataFrame:
    given = {"classes": None, "clips_per_class": None, "val": 0.0} | options
    return sample(clips, rng=np.random.default_rng(seed), **given)


def test_val_takes_whole_groups_of_each_class_from_train(clips):
    rows = drawn(clips, val=0.25)
    for _, of_class in rows.groupby("class_name"):
        groups = of_class.groupby("split")["group"].agg(set)
        assert len(groups["val"]) == 2 and len(groups["train"]) == 6
        assert not groups["val"] & groups["train"]
        assert len(groups["test"]) == 3


def test_val_is_at_least_one_group_and_never_all(clips):
    assert set(drawn(clips, val=0.01)["split"]) == {"train", "val", "test"}
    assert set(drawn(clips, val=0.99)["split"]) == {"train", "val", "test"}
    alone = clips[clips["group"].isin(["train0", "test0"])]
    assert set(drawn(alone, val=0.5)["split"]) == {"train", "test"}


def test_clips_are_spread_over_groups(clips):
    rows = drawn(clips, clips_per_class={"train": 10, "test": 2})
    for (_, split), part in rows.groupby(["class_name", "split"]):
        per_group = part.groupby("group").size()
        assert len(part) == (10 if split == "train" else 2)
        assert per_group.max() - per_group.min() <= 1
        assert len(per_group) == (8 if split == "train" else 2)


def test_classes_by_name_keep_their_order_and_by_number_are_drawn(clips):
    rows = drawn(clips, classes=["c", "a"])
    assert dict(zip(rows["class_name"], rows["label"], strict=True)) == {"c": 0, "a": 1}
    assert {tuple(drawn(clips, s, classes=2)["class_name"].unique()) for s in range(20)} == {
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    }
    with pytest.raises(ValueError, match="'archery': did you mean 'Archery'"):
        drawn(clips.replace("a", "Archery"), classes=["archery"])
    with pytest.raises(ValueError, match="4 classes are wanted and the data has 3"):
        drawn(clips, classes=4)


@pytest.mark.parametrize("options", [{"clips_per_class": {"train": 5}}, {"val": 0.5}])
def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows(clips, options):
    first = drawn(clips, **options)
    pd.testing.assert_frame_equal(first, drawn(clips[::-1], **options))
    assert not first.equals(drawn(clips, seed=1, **options))

"""Readers list what is there, and sampling keeps groups together."""

import io
from pathlib import Path
from typing import get_args
from unicodedata import normalize

import h5py
import numpy as np
import pandas as pd
import pytest

from vbd.data.folder import BESIDE, NO_CLASS
from vbd.data.index import LISTED, Listing, read
from vbd.data.listing.disk import HIDDEN, OTHER
from vbd.data.listing.kinetics_lists import NO_CLASSES, NO_LIST, NOT_READ
from vbd.data.listing.lists import LIST, SPARE, UNCLEAR, UNLISTED, UNUSED
from vbd.data.sampling import sample
from vbd.sections.data import Dataset

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


def write(root: Path, files: dict[str, str | bytes]) -> None:
    """Put the files with their contents under the root."""
    for name, content in files.items():
        place(root, name)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_lists_every_clip_once_and_repeats_itself(tmp_path, reader):
    write(tmp_path, FILES[reader])
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
    assert found.left["UCF-101/Archery/v_Archery_g99_c01.avi"] == UNLISTED


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
    assert found.absent == {"golf": 1, "wave": 1}
    assert found.left[f"videos/wave/{new}"] == UNLISTED
    assert found.left[f"videos/wave/{unused}"] == UNUSED
    with pytest.raises(FileNotFoundError, match=r"wave_test_split1\.txt.*download"):
        read("hmdb51", tmp_path, split=1)


@pytest.mark.parametrize(
    ("file", "note"),
    [
        ("UCF-101/Archery/v_Archery_g08_c01.mp4", "another suffix"),
        ("UCF-101/Archery/V_ARCHERY_G08_C01.AVI", "another case"),
        ("ucf-101/archery/v_Archery_g08_c01.avi", "another case"),
        ("UCF-101/Archery/g08/more/v_Archery_g08_c01.avi", None),
        ("UCF-101/train/Archery/v_Archery_g08_c01.avi", None),
    ],
)
def test_ucf_takes_what_is_spelled_in_another_way_than_on_the_lists(tmp_path, file, note):
    place(ucf(tmp_path), file, "UCF-101/YoYo/v_Archery_g01_c01.avi")
    found = read("ucf101", tmp_path)
    assert splits(found) == {file: "train"}
    assert list(found.rows["class_name"]) == ["Archery"] and list(found.rows["group"]) == ["08"]
    # A clip of Archery in the folder of another class is not Archery's.
    assert [name for name, why in found.left.items() if why == UNLISTED] == [
        "UCF-101/YoYo/v_Archery_g01_c01.avi"
    ]
    assert [n for n in found.notes if note and note in n] or not note


def test_an_accent_is_the_same_in_both_ways_to_write_it(tmp_path):
    composed, taken_apart = (normalize(form, "Café/v_Café_g01_c01.avi") for form in ("NFC", "NFD"))
    place(tmp_path, "ucfTrainTestlist/testlist01.txt", f"UCF-101/{taken_apart}")
    (tmp_path / "ucfTrainTestlist" / "trainlist01.txt").write_text(f"{composed} 1")
    assert splits(read("ucf101", tmp_path)) == {f"UCF-101/{taken_apart}": "train"}


def test_ucf_takes_the_file_that_is_spelled_as_on_the_lists_first(tmp_path):
    names = [f"UCF-101/Archery/v_Archery_g08_c01.{suffix}" for suffix in ("avi", "AVI", "mp4")]
    place(ucf(tmp_path), *names)
    found = read("ucf101", tmp_path)
    assert splits(found) == {names[0]: "train"}
    assert found.spares == {names[0]: (names[1], names[2])}
    assert found.left[names[2]] == SPARE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_of_other_systems_are_read(tmp_path, encoding):
    for name, content in UCF.items():
        place(tmp_path, name)
        (tmp_path / name).write_bytes(content.replace("\n", "\r\n").encode(encoding))
    (tmp_path / "ucfTrainTestlist").rename(tmp_path / "UCFTrainTestList")
    assert len(read("ucf101", tmp_path).rows) == 2
    (tmp_path / "UCFTrainTestList" / "trainlist01.txt").write_bytes(b"YoYo/caf\xe9.avi 1")
    with pytest.raises(ValueError, match=r"trainlist01\.txt is no text in UTF-8"):
        read("ucf101", tmp_path)


def test_hmdb_ignores_the_case_of_a_class_and_counts_classes_that_are_missing(tmp_path):
    (tmp_path / "Splits").mkdir()
    (tmp_path / "Splits" / "wave_test_split1.txt").write_text("A_wave_0.avi 1\nB_wave_0.avi 2\n")
    (tmp_path / "Splits" / "golf_test_split1.txt").write_text("A_golf_0.avi 1\nB_golf_0.avi 0\n")
    place(tmp_path / "Videos" / "Wave", "A_wave_0.avi", "sub/b_wave_0.mp4")
    found = read("hmdb51", tmp_path)
    assert splits(found) == {
        "Videos/Wave/A_wave_0.avi": "train",
        "Videos/Wave/sub/b_wave_0.mp4": "test",
    }
    assert set(found.rows["class_name"]) == {"wave"} and list(found.rows["group"]) == ["A", "B"]
    assert found.absent == {"golf": 1}  # a clip that is marked 0 is not missed


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
    # Another ten seconds of the same video.
    assert [file for file, why in found.left.items() if why == UNLISTED] == [
        "Zz9_000001_000011.mp4"
    ]


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


def test_a_kinetics_file_in_a_replacement_folder_comes_before_all_others(tmp_path):
    kinetics(tmp_path, "train.csv", "singing,a,1,11,train,0")
    name = "a_000001_000011.mp4"
    place(tmp_path, f"train/singing/{name}", f"replacement/{name}", f"zzz/{name}", "train/a.mp4")
    found = read("kinetics", tmp_path)
    assert splits(found) == {f"replacement/{name}": "train"}
    assert found.spares == {f"replacement/{name}": (f"zzz/{name}", f"train/singing/{name}")}
    assert found.left["train/a.mp4"] == UNLISTED  # it has no times, and is not this clip's file
    assert "clips of several files" in found.notes[0]


@pytest.mark.parametrize(
    "file",
    [
        "a-B_7_17.mp4",
        "a-B_7.0_17.0.mkv",
        "x/a-B_000007_000017.MPG",
        "A-b_000007_000017.mp4",
        "a-B.ts",
    ],
)
def test_kinetics_times_come_in_several_spellings(tmp_path, file):
    kinetics(tmp_path, "train.csv", "singing,a-B,7,17,train,0", "singing,a-B,8,18,train,0")
    place(tmp_path, file)
    found = read("kinetics", tmp_path)
    assert splits(found) == {file: "train"} and list(found.rows["group"]) == ["a-B"]
    assert found.absent == {"singing": 1}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *[("trainlist01.txt", "train"), ("my_train_list.txt", "train"), ("TrainList.TXT", "train")],
        *[("kinetics_val.txt", "test"), ("validate.txt", "test"), ("k400-testing.txt", "test")],
        *[(name, None) for name in ("latest.txt", "contest_notes.txt", "restrain.txt")],
        *[(name, None) for name in ("interval.txt", "train_or_test.txt", "README.txt")],
    ],
)
def test_a_text_is_a_list_if_a_word_of_its_name_says_so(tmp_path, name, part):
    (tmp_path / name).write_text("a.mp4 singing\n")
    place(tmp_path, "a.mp4")
    if part is None:
        with pytest.raises(FileNotFoundError, match="no list of clips"):
            read("kinetics", tmp_path)
    else:
        assert splits(read("kinetics", tmp_path)) == {"a.mp4": part}


def test_texts_and_tables_that_are_no_lists_are_left_out(tmp_path):
    (tmp_path / "train.txt").write_text("a.mp4 singing\n")
    (tmp_path / "test_notes.txt").write_text("These clips were downloaded in May.\n")
    (tmp_path / "latest.txt").write_text("b.mp4 singing\n")
    (tmp_path / "sizes.csv").write_text("name,bytes\na.mp4,0\n")
    place(tmp_path, "a.mp4")
    found = read("kinetics", tmp_path)
    assert found.left == {
        "train.txt": LIST,
        "test_notes.txt": NO_LIST,
        "latest.txt": OTHER,
        "sizes.csv": NO_LIST,
    }
    kinetics(tmp_path, "train.csv", "singing,a,1,11,train,0")
    (tmp_path / "test.csv").write_text("youtube_id,time_start,time_end,split\na,1,11,test\n")
    found = read("kinetics", tmp_path)
    assert splits(found) == {"a.mp4": "train"}
    assert found.left["test.csv"] == NO_CLASSES and found.left["train.txt"] == NOT_READ


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_kinetics_lists_may_lie_in_a_folder_and_begin_with_a_mark(tmp_path, encoding):
    text = "Label, YouTube_ID,time_start,time_end,split\r\nsinging,a,1,11,train\r\n"
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "train.csv").write_bytes(text.encode(encoding))
    place(tmp_path, "a.mp4")
    found = read("kinetics", tmp_path)
    assert splits(found) == {"a.mp4": "train"} and "annotations/" in found.notes[0]
    assert found.left == {"annotations/train.csv": LIST}
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "train.txt").write_text("a.mp4 dancing\n")
    assert list(read("kinetics", tmp_path).rows["class_name"]) == ["singing"]
    (tmp_path / "annotations").rename(tmp_path / "new")
    with pytest.raises(ValueError, match=r"lists of clips are in several folders.*new, old"):
        read("kinetics", tmp_path)


def test_clips_of_one_name_are_told_apart_by_the_folders_on_the_lists(tmp_path):
    (tmp_path / "train.txt").write_text("run/1.mp4 run\nsit/1.mp4 sit\nsit/2.mp4 sit\n")
    place(tmp_path, "clips/run/1.mp4", "clips/sit/1.mp4", "1.mp4", "x/2.mp4")
    found = read("kinetics", tmp_path)
    assert dict(zip(found.rows["path"], found.rows["class_name"], strict=True)) == {
        "clips/run/1.mp4": "run",
        "clips/sit/1.mp4": "sit",
        "x/2.mp4": "sit",
    }
    assert found.left == {"train.txt": LIST, "1.mp4": UNCLEAR}
    # A file that may be either is neither.
    for name in ("clips/run/1.mp4", "clips/sit/1.mp4"):
        (tmp_path / name).unlink()
    found = read("kinetics", tmp_path)
    assert splits(found) == {"x/2.mp4": "train"} and found.absent == {"run": 1, "sit": 1}
    assert found.left == {"train.txt": LIST, "1.mp4": UNCLEAR}


def test_kinetics_says_what_its_lists_say_in_two_ways(tmp_path):
    rows = ["singing,a,1,11,train,0", "Singing,b,1,11,val,0", "dancing,a,1,11,train,0"]
    kinetics(tmp_path, "all.csv", *rows)
    place(tmp_path, "a.mp4", "b.mp4")
    found = read("kinetics", tmp_path)
    assert splits(found) == {"a.mp4": "train", "b.mp4": "test"}
    assert set(found.rows["class_name"]) == {"singing"}
    assert [note.rpartition(": ")[2] for note in found.notes] == ["1", "Singing is singing"]


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
    assert found.left == {"run/notes.txt": OTHER, "beside.mp4": NO_CLASS, ".cache/x.mp4": HIDDEN}
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


@pytest.mark.parametrize(
    ("tops", "expected"),
    [
        (("train", "test", "val"), {"train": "train", "test": "test", "val": "val"}),
        (("Training", "TEST"), {"Training": "train", "TEST": "test"}),
        (("train", "validation"), {"train": "train", "validation": "test"}),
    ],
)
def test_folder_knows_splits_by_their_names(tmp_path, tops, expected):
    place(tmp_path, *(f"{top}/{name}/x/a.mp4" for top in tops for name in ("run", "sit")))
    place(tmp_path, f"{tops[0]}/loose.mp4", "other/run/a.mp4")
    found = read("folder", tmp_path)
    assert splits(found) == {
        f"{top}/{name}/x/a.mp4": part for top, part in expected.items() for name in ("run", "sit")
    }
    assert found.left == {f"{tops[0]}/loose.mp4": NO_CLASS, "other/run/a.mp4": BESIDE}
    said = [part for top, part in expected.items() if top.startswith("val")]
    *notes, nested = found.notes
    assert all(part in note for part, note in zip(said, notes, strict=True))
    assert nested == f"clips in sub-folders of their class, and taken: {len(found.rows)}"


def test_a_class_of_another_case_in_test_is_the_same_class(tmp_path):
    place(tmp_path, "train/run/a.mp4", "test/Run/b.mp4")
    found = read("folder", tmp_path)
    assert set(found.rows["class_name"]) == {"run"} and "Run is run" in found.notes[0]
    place(tmp_path, "train/Run/a.mp4")  # two in one split are two classes
    assert set(read("folder", tmp_path).rows["class_name"]) == {"run", "Run"}


def test_the_folders_in_a_class_are_recordings_and_divided_whole(tmp_path):
    clips = [f"run/g{group}/{clip}.mp4" for group in range(10) for clip in range(4)]
    place(tmp_path, *clips, "sit/all/1.mp4", "sit/all/2.mp4", "run/alone.mp4")
    rows = read("folder", tmp_path).rows
    run = rows[rows["class_name"] == "run"].groupby("group")["split"].agg(set)
    assert set(run.index) == {"alone", *(f"g{group}" for group in range(10))}
    assert all(len(of) == 1 for of in run) and sum(of == {"test"} for of in run) == 3
    assert set(rows["group"][rows["class_name"] == "sit"]) == {"1", "2"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["train/run/a.mp4", "holdout/run/a.mp4"], "has train/ with folders in it, beside holdout"),
        (["test/run/a.mp4", "val/run/a.mp4"], "has test/ and val/ with folders in it"),
        (["videos/run/a.mp4", "videos/sit/a.mp4"], "no class but videos, with run/, sit/"),
    ],
)
def test_folders_that_can_be_meant_in_two_ways_are_an_error(tmp_path, files, said):
    place(tmp_path, *files)
    with pytest.raises(ValueError, match=said):
        read("folder", tmp_path)


def test_a_class_may_be_called_train_and_a_train_folder_be_alone(tmp_path):
    place(tmp_path, "train/a.mp4", "train/b.mp4", "car/a.mp4", "car/b.mp4")
    assert set(read("folder", tmp_path).rows["class_name"]) == {"car", "train"}
    place(tmp_path / "more", *(f"train/{c}/{i}.mp4" for c in ("run", "sit") for i in (1, 2)))
    found = read("folder", tmp_path / "more")
    assert sorted(found.rows["split"]) == ["test", "test", "train", "train"]
    assert "train/ alone" in found.notes[0]
    (tmp_path / "more" / "test").mkdir()  # without a clip in it: nothing is made up
    assert set(read("folder", tmp_path / "more").rows["split"]) == {"train"}


def test_two_encodings_of_a_clip_stay_on_one_side(tmp_path):
    place(tmp_path, *(f"run/{n}.{suffix}" for n in range(9) for suffix in ("avi", "mp4")))
    sides = read("folder", tmp_path).rows.groupby("group")["split"].agg(set)
    assert len(sides) == 9 and all(len(side) == 1 for side in sides)


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

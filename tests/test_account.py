"""Nothing is left out without a number: the account of a folder's files adds up in every reader."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from test_readers import FILES, READERS, place, write

from vbd.data import sampling
from vbd.data.build import EmptyClass, build
from vbd.data.index import VIDEO_SUFFIXES, Listing, read, table
from vbd.data.listing import disk, lists
from vbd.data.listing.account import UNREADABLE, shown, summary, tell, text
from vbd.data.sampling import draw
from vbd.data.store import ClipStore
from vbd.data.trusted import clean_clips

# What no reader takes, of every kind.
OTHERS = {
    ".DS_Store": disk.HIDDEN,
    "a/._clip.mp4": disk.HIDDEN,
    ".cache/clip.mp4": disk.HIDDEN,
    "__MACOSX/a/clip.mp4": disk.HIDDEN,
    "$RECYCLE.BIN/clip.mp4": disk.HIDDEN,
    "a/line\nbreak.mp4": disk.CONTROL,
    "a/caf\udce9.mp4": disk.NOT_UTF8,
    "caf\udce9/clip.mp4": disk.NOT_UTF8,
    "a/pipe.mp4": disk.NO_FILE,
    "a/nowhere.mp4": disk.NO_FILE,
    "a/itself.mp4": disk.NO_FILE,
    "a/loop": disk.CLOSED,
    "notes.md": None,
    "a/clip.mp4.part": None,
    "latest.txt": None,
    "a/b/c/notes": None,
}


def messy(root: Path, reader: str) -> Path:
    """The files of a reader, and all of ``OTHERS`` between them."""
    write(root, FILES[reader])
    for name in OTHERS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("a/") and OTHERS[name] in (disk.NO_FILE, disk.CLOSED):
            continue
        (root / name).touch()
    os.mkfifo(root / "a/pipe.mp4")
    (root / "a/nowhere.mp4").symlink_to(root / "gone.mp4")
    (root / "a/itself.mp4").symlink_to(root / "a/itself.mp4")
    (root / "a/loop").symlink_to(root, target_is_directory=True)
    return root


def found_by_walk(root: Path) -> set[str]:
    """Everything below the root that is no folder, or a link to one around it."""
    walk = os.walk(root)
    inside = ((Path(folder) / name, name) for folder, dirs, files in walk for name in dirs + files)
    return {
        path.relative_to(root).as_posix()
        for path, _ in inside
        if path.is_symlink() or not path.is_dir()
    }


@pytest.mark.parametrize("reader", READERS)
def test_every_file_is_in_one_line_of_the_account(tmp_path, reader):
    root = messy(tmp_path, reader)
    found = read(reader, root)
    # A clip is a file; an image is a row of one.
    files = [
        path if (root / path).is_file() else path.rpartition("/")[0] for path in found.rows.path
    ]
    assert set(files) | found.left.keys() == found_by_walk(root)
    assert not set(files) & found.left.keys()
    assert found.left.items() >= {(name, why) for name, why in OTHERS.items() if why}
    drawn = draw(found, classes=None, clips_per_class={"train": 1}, val=0, rng=rng(), pool=True)
    for listing in (found, drawn):
        said = summary(listing)
        left = sum(kind["count"] for kind in said["left_out"].values())
        assert found.found == said["found"] == sum(said["kept"].values()) + left
        assert_sums(text(listing))


def assert_sums(said: str) -> None:
    """See that the numbers in the first line add up, and that the lines below it say all."""
    first, *lines = said.splitlines()
    total, *parts = map(int, re.findall(r"(?:^|= |\+ )(\d+)", first))
    assert total == sum(parts)
    kinds = [int(found[1]) for line in lines if (found := re.match(r"  (\d+) ", line))]
    assert sum(kinds) == total - parts[0]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_walk_is_in_the_order_of_the_names_and_follows_links(tmp_path):
    place(tmp_path / "root", "b/x.mp4", "b.mp4", "b-c/x.mp4", "a.mp4")
    place(tmp_path / "other", "x.mp4", "deep/y.mp4")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "deep" / "back").symlink_to(tmp_path / "other")
    names = [name for name, _ in disk.entries(tmp_path / "root")]
    assert names == sorted(names) and len(names) == 7
    assert {"link/x.mp4", "link/deep/y.mp4", "link/deep/back"} < set(names)
    assert disk.look(tmp_path / "nothing") == disk.Disk(tmp_path / "nothing", (), {})


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES))
def test_every_suffix_of_a_video_is_taken_in_any_case(tmp_path, suffix):
    place(tmp_path, f"run/a{suffix}", f"run/b{suffix.upper()}", f"run/{suffix}", "run/c.txt")
    assert {*read("folder", tmp_path).rows["path"]} == {f"run/a{suffix}", f"run/b{suffix.upper()}"}


def test_where_nothing_can_be_taken_it_is_said_what_there_is(tmp_path):
    place(tmp_path, "run/caf\udce9.mp4", "run/a.jpg")
    with pytest.raises(FileNotFoundError, match=r"no video.*1 the name is not UTF-8.*caf\\udce9"):
        read("folder", tmp_path)


def listed(*clips: str, **more: object) -> Listing:
    """A listing of clips <class>/<split><number>."""
    parts = [(clip, *clip.split("/")) for clip in clips]
    return Listing(
        table((c, name, c, part.rstrip("0123456789")) for c, name, part in parts), **more
    )


BOTH = ("a/train1", "a/train2", "a/test1", "b/train1", "b/test1")


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("classes", [None, 2])
def test_a_class_without_clips_to_train_or_test_is_left_out_and_counted(part, classes):
    found = listed(*BOTH, f"c/{part}1", f"c/{part}2")
    how = {"classes": classes, "clips_per_class": None, "val": 0}
    drawn = draw(found, rng=rng(), **how)
    other = {"train": "test", "test": "train"}[part]
    assert set(drawn.rows["class_name"]) == {"a", "b"}
    assert drawn.left == dict.fromkeys((f"c/{part}1", f"c/{part}2"), sampling.LACKING.format(other))
    assert any("'c'" in note for note in drawn.notes) and drawn.found == found.found
    with pytest.raises(ValueError, match=rf"class 'c' has no clip in {other}.*out of classes"):
        draw(found, rng=rng(), **how | {"classes": ["a", "c"]})


def test_clips_that_were_not_drawn_are_counted():
    found = listed(*BOTH, "c/train1", "c/test1", absent={"a": 3, "c": 2, "d": 9})
    how = {"clips_per_class": {"train": 1}, "val": 0, "rng": rng()}
    drawn = draw(found, classes=["b", "a"], **how)
    assert Counter(drawn.left.values()) == {sampling.NOT_DRAWN: 1, sampling.NOT_CHOSEN: 2}
    assert drawn.absent == {"a": 3}  # the chosen classes alone
    assert draw(found, classes=2, **how).absent == found.absent
    with pytest.raises(ValueError, match=r"class 'd' is on the lists.*9 clips is on disk"):
        draw(found, classes=["a", "d"], **how)


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        (
            ("a/train1", "b/train1"),
            r"none, at least two.*clips in train and in test.*'a' \(1 in train",
        ),
        (("a/test1", "b/test1"), r"none, at least two.*'b' \(0 in train, 1 in test\)"),
        (("a/train1", "a/test1"), "'a', at least two are needed"),
    ],
)
def test_what_cannot_be_trained_or_tested_on_is_an_error(clips, said):
    with pytest.raises(ValueError, match=said):
        draw(listed(*clips), classes=None, clips_per_class=None, val=0, rng=rng())


def test_a_pool_of_questions_needs_no_test_clips_and_no_second_class():
    how = {"classes": None, "clips_per_class": None, "val": 0, "pool": True}
    assert len(draw(listed("a/train1", "b/test1"), rng=rng(), **how).rows) == 1
    with pytest.raises(ValueError, match="none, at least one is needed"):
        draw(listed("b/test1"), rng=rng(), **how)


def video(path: Path, shade: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="avi") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 16, 16, "yuv420p"
        for _ in range(8):
            picture = np.full((16, 16, 3), shade, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path


def kinetics(root: Path, *clips: str) -> Listing:
    """Two classes on lists, and videos in the folders given, the shade in their name."""
    (root / "train.txt").write_text("a.mp4 run\nb.mp4 sit\n")
    (root / "val.txt").write_text("c.mp4 run\nd.mp4 sit\n")
    for clip in clips:
        video(root / clip, int(Path(clip).parent.name))
    found = read("kinetics", root)
    return draw(found, classes=None, clips_per_class=None, val=0, rng=rng())


def built(listing: Listing, root: Path, out: Path) -> list[Listing]:
    told: list[Listing] = []
    how = {"frames": 2, "stride": 1, "views": 1, "size": (16, 16), "workers": 1}
    build(listing.rows, root, out, listing=listing, told=told.append, **how)
    return told


def test_a_replacement_comes_first_and_a_spare_stands_in_for_what_cannot_be_read(tmp_path):
    root = tmp_path / "root"
    place(root, "train/a.mp4", "train/b.mp4", "val/b.mkv")
    clips = ("1/b.mp4", "1/c.mp4", "1/d.mp4", "replacement_for_corrupted/2/a.mp4", "3/a.mp4")
    listing = kinetics(root, *clips, "train/250/d.mp4")
    assert "replacement_for_corrupted/2/a.mp4" in set(listing.rows["path"])
    # Of two that are alike the first by the alphabet; it can be read.
    assert listing.spares["1/d.mp4"] == ("train/250/d.mp4",)
    (root / "1/d.mp4").write_bytes(b"")
    (account,) = built(listing, root, tmp_path / "out")
    store = ClipStore.open(tmp_path / "out")
    assert set(store.paths) == {"replacement_for_corrupted/2/a.mp4", *clips[:2], "train/250/d.mp4"}
    shades = {
        path: clip.mean().round() for path, clip in zip(store.paths, store.clips, strict=True)
    }
    assert shades["train/250/d.mp4"] > 240 and shades["1/c.mp4"] < 10
    said = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert said == summary(account) and said["quarantined"] == 1
    assert said["kept"] == {"train": 2, "val": 0, "test": 2}
    left = {why: kind["count"] for why, kind in said["left_out"].items()}
    assert left == {lists.SPARE: 4, lists.LIST: 2}
    assert said["found"] == len(found_by_walk(root)) == 4 + 1 + 6
    assert pd.read_csv(tmp_path / "out" / "quarantine.csv")["path"].tolist() == ["1/d.mp4"]
    assert_sums(text(account))


def test_the_account_is_told_before_a_class_without_clips_is_an_error(tmp_path):
    listing = kinetics(tmp_path, "1/a.mp4", "1/b.mp4", "1/c.mp4", "1/d.mp4", "2/d.mp4")
    for name in listing.spares["1/d.mp4"] + ("1/d.mp4",):
        (tmp_path / name).write_bytes(b"")
    told: list[Listing] = []
    how = {"frames": 2, "stride": 1, "views": 1, "size": (16, 16), "workers": 1}
    with pytest.raises(EmptyClass, match=r"'sit' in split 'test'.*\n  1/d.mp4: empty"):
        build(listing.rows, tmp_path, tmp_path / "out", listing=listing, told=told.append, **how)
    assert Counter(told[0].left.values()) == {UNREADABLE: 2, lists.LIST: 2}
    assert told[0].found == 7


def test_the_step_prints_the_account_and_takes_names_as_they_are(tmp_path):
    root = tmp_path / "root"
    names = ["a,b.avi", 'a"b.avi', "a'b.avi", "\N{CLAPPER BOARD} \u202e.avi", " a ü.AVI", "#;&.avi"]
    for place_of in ("run", "Träume, süß"):
        for name in names:
            video(root / place_of / name, 50)
    place(root, "run/line\nbreak.avi", "run/caf\udce9.avi", "run/\x1b[2J.txt")
    params = {"dataset": {"reader": "folder", "frames": 2, "views": 1, "store": [16, 16]}}
    command = [sys.executable, "-c", "from vbd.steps.decode import main; main()"]
    command += ["--params", json.dumps(params), "--root", root, "--out", tmp_path / "s/clips.npy"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    said = done.stdout.decode("ascii")
    assert said.startswith("15 clips and other files found = 12 taken (") and "\x1b" not in said
    assert r"run/line\nbreak.avi" in said and r"run/caf\udce9.avi" in said
    assert_sums(said)
    paths = ClipStore.open(tmp_path / "s").paths
    assert set(paths) == {f"{folder}/{name}" for folder in ("run", "Träume, süß") for name in names}


def test_the_step_says_what_there_is_where_nothing_can_be_drawn(tmp_path):
    place(tmp_path / "root", "run/a.mp4", "run/b.mp4", "sit/a.mp4", "sit/notes.txt")
    params = {"dataset": {"reader": "folder", "frames": 2, "views": 1, "store": [16, 16]}}
    command = [sys.executable, "-c", "from vbd.steps.decode import main; main()"]
    command += [
        "--params",
        json.dumps(params),
        "--root",
        tmp_path / "root",
        "--out",
        tmp_path / "o",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode and "'sit' (1 in train, 0 in test)" in done.stderr
    assert done.stdout.startswith(
        "4 clips and other files found = 3 listed (2 train, 0 val, 1 test)"
    )


def test_the_text_names_five_of_a_kind_and_all_that_was_understood(capsys):
    left = {f"{n}.txt": disk.OTHER for n in range(7)} | {"b.mp4": UNREADABLE}
    found = listed("a/train1", "a/val1", left=left, absent={"a": 2, "c": 9}, notes=("val/ is val",))
    tell(found)
    assert capsys.readouterr().out.splitlines() == [
        "10 clips and other files found = 2 taken (1 train, 1 val, 0 test) + 1 unreadable "
        "+ 7 left out",
        f"  7 {disk.OTHER}: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt ...",
        f"  1 {UNREADABLE}: b.mp4",
        "absent from disk: 11 clips that the lists name, of 2 classes: 9 c, 2 a",
        "val/ is val",
    ]


def test_shown_names_move_no_cursor():
    assert shown("a\x1b[2J\r\u202e\udce9é\N{CLAPPER BOARD}") == (
        "a\\x1b[2J\\r\\u202e\\udce9é\N{CLAPPER BOARD}"
    )


def test_a_folder_of_trusted_clips_says_what_is_left_out(tmp_path):
    video(tmp_path / "run" / "a.avi", 50)
    place(tmp_path, "run/empty.mp4", "run/._a.avi", "notes.md", "run/b.txt", "run/c.txt")
    card = {"clip": {"frames": 2, "stride": 1, "crop": 16}, "class_names": ["run", "sit"]}
    clips, left = clean_clips(tmp_path, card)
    assert len(clips) == 1 and "empty" in left.pop("run/empty.mp4")
    assert left == {"notes.md and 2 more": disk.OTHER, "run/._a.avi": disk.HIDDEN}

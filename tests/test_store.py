"""Decoding takes the right frames, and the store keeps the good clips and names the bad ones."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from films import STEP, cut, greys, noise

from vbd.data.build import EmptyClass, build
from vbd.data.decoding import UnreadableClip, frame_indices, probe_and_decode
from vbd.data.index import COLUMNS, Listing
from vbd.data.parallel import CRASHED, run_all
from vbd.data.store import ClipStore


def video(path: Path, images: list[np.ndarray], turn: int = 0, **options: str) -> Path:
    """Write the images as MPEG-4 with B-frames; ``turn`` is a phone's flag, in degrees."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream("mpeg4", rate=25, options={"qmax": "2", "bf": "2", "g": "8"})
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], "yuv420p"
        if turn:
            stream.set_display_rotation(turn)
        for image in images:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
    return path


def sound(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        silence = np.zeros((2, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
        frame.sample_rate = 44100
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def decode(path: Path, **options: object) -> np.ndarray:
    given = {"frames": 4, "stride": 2, "views": 1, "size": (48, 64)} | options
    return probe_and_decode(path, **given)[0]


def shown(clips: np.ndarray) -> list[list[int]]:
    """Which frame each of the (views, T, H, W, 3) pictures is."""
    return (clips.mean((2, 3, 4)) / STEP).round().astype(int).tolist()


@pytest.mark.parametrize(
    ("n_frames", "options", "expected"),
    [
        (30, {"frames": 4, "stride": 3, "views": 1}, [[10, 13, 16, 19]]),
        (10, {"frames": 2, "stride": 1, "views": 3}, [[0, 1], [4, 5], [8, 9]]),
        (10, {"frames": 4, "stride": 8, "views": 1}, [[0, 3, 6, 9]]),
        (3, {"frames": 5, "stride": 2, "views": 2}, [[0, 1, 2, 0, 1]] * 2),
        (9, {"frames": 1, "stride": 4, "views": 1}, [[4]]),
        (30, {"frames": 4, "stride": "segments", "views": 2}, [[3, 11, 18, 26]] * 2),
        (2, {"frames": 4, "stride": "segments", "views": 1}, [[0, 0, 1, 1]]),
    ],
    ids=[
        "centre",
        "evenly spaced",
        "stride shrinks",
        "looped",
        "one frame",
        "segments",
        "fewer frames than segments",
    ],
)
def test_frame_indices(n_frames, options, expected):
    assert frame_indices(n_frames, **options).tolist() == expected


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_the_frames_are_those_asked_for(tmp_path, suffix):
    path = video(tmp_path / f"clip{suffix}", greys(40))
    asked = {"frames": 6, "stride": 3, "views": 3}
    clips, facts = probe_and_decode(path, size=(24, 32), **asked)
    assert clips.shape == (3, 6, 24, 32, 3) and clips.dtype == np.uint8
    assert shown(clips) == frame_indices(40, **asked).tolist()
    assert facts == {"has_audio": False, "n_frames": 40, "fps": 25.0}


def test_a_video_shorter_than_the_clip_is_looped(tmp_path):
    path = video(tmp_path / "clip.avi", greys(3))
    assert shown(decode(path, frames=7)) == [[0, 1, 2, 0, 1, 2, 0]]


def test_frames_are_covered_and_cropped_about_the_centre_in_rgb(tmp_path):
    thirds = np.zeros((48, 144, 3), np.uint8)
    thirds[:, :48, 0] = thirds[:, 48:96, 1] = thirds[:, 96:, 2] = 250
    path = video(tmp_path / "clip.avi", [thirds] * 8)
    middle = decode(path, size=(24, 20))[0, 0]
    assert middle[..., 1].min() > 200 and middle[..., [0, 2]].max() < 60
    whole = decode(path, size=(16, 48))[0, 0]
    assert [int(whole[8, x].argmax()) for x in (4, 24, 44)] == [0, 1, 2]


def test_a_turned_video_comes_upright(tmp_path):
    halves = np.zeros((48, 64, 3), np.uint8)
    halves[:, 32:] = 250  # bright on the right: a quarter turn against the clock puts it on top
    frame = decode(video(tmp_path / "clip.mp4", [halves] * 8, turn=90), size=(64, 48))[0, 0]
    assert frame[:28].min() > 200 and frame[36:].max() < 60


def test_a_video_cut_without_encoding_starts_where_its_edit_list_says(tmp_path):
    trimmed = tmp_path / "trimmed.mp4"
    source = av.open(str(video(tmp_path / "clip.mp4", greys(30))))
    with source, av.open(str(trimmed), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                lead = round(12 / 25 / packet.time_base)  # 12 frames, within a group of pictures
                packet.pts, packet.dts, packet.stream = packet.pts - lead, packet.dts - lead, stream
                out.mux(packet)
    clips, facts = probe_and_decode(trimmed, frames=3, stride=2, views=2, size=(48, 64))
    assert facts["n_frames"] == 18
    assert shown(clips) == [[12, 14, 16], [25, 27, 29]]


def test_metadata_that_is_not_utf8_does_no_harm(tmp_path):
    path = video(tmp_path / "clip.avi", greys(8))
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"L\xe4vf"))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(path))
    assert shown(decode(path)) == [[0, 2, 4, 6]]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda at: text(at / "clip.mp4", ""), r"empty file \(0 bytes\)"),
        (lambda at: text(at / "clip.mp4", "a web page\n" * 400), "not a video"),
        (lambda at: sound(at / "clip.mp4"), "no video stream"),
        (lambda at: at / "clip.mp4", "No such file"),
        (lambda at: cut(video(at / "clip.avi", noise(24))), r"truncated: \d+ of 24 frames"),
        (lambda at: cut(video(at / "clip.mkv", noise(24))), r"truncated: \d+ of 24 frames"),
        (lambda at: cut(video(at / "clip.mp4", noise(24))), "cut off before its index"),
        (
            lambda at: cut(video(at / "clip.mp4", noise(24), movflags="faststart")),
            r"truncated: \d+ of 24 frames",
        ),
    ],
    ids=["empty", "text", "sound", "gone", "cut avi", "cut mkv", "cut mp4", "cut faststart mp4"],
)
def test_a_bad_file_says_what_is_wrong(tmp_path, make, reason):
    with pytest.raises(UnreadableClip, match=reason):
        decode(make(tmp_path), frames=2, stride=1)


def test_damage_within_a_file_says_where(tmp_path):
    path = video(tmp_path / "clip.mp4", noise(24))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) * 3 // 4] = bytes(len(content) // 4)
    path.write_bytes(content)
    with pytest.raises(UnreadableClip, match=r"damaged: decoding fails after \d+ of 24 frames"):
        decode(path, views=2)


def table(*records: tuple[str, int, str, str]) -> pd.DataFrame:
    rows = pd.DataFrame(records, columns=["path", "label", "class_name", "split"])
    return rows.assign(group="007")


@pytest.fixture
def rows(tmp_path) -> pd.DataFrame:
    """Clips of 10, 20, 12, 14 and 16 frames, so that each has its own centre, and two bad ones."""
    for name, n_frames in {"a1": 10, "a2": 20, "a3": 12, "b1": 14, "b2": 16}.items():
        video(tmp_path / f"{name}.avi", greys(n_frames))
    text(tmp_path / "bad.avi", "")
    cut(video(tmp_path / "cut.avi", noise(24)))
    return table(
        ("bad.avi", 0, "run", "train"),
        ("a1.avi", 0, "run", "train"),
        ("a2.avi", 0, "run", "val"),
        ("cut.avi", 0, "run", "test"),
        ("a3.avi", 0, "run", "test"),
        ("b1.avi", 1, "jump", "train"),
        ("b2.avi", 1, "jump", "test"),
    )


def built(rows: pd.DataFrame, root: Path, out: str = "store", **options: object) -> Path:
    given = {"frames": 2, "stride": 2, "views": 1, "size": (12, 16), "workers": 2} | options
    build(rows, root, root / out, **given)
    return root / out


def test_bad_clips_are_quarantined_and_the_rest_keep_their_rows(tmp_path, rows):
    listing = Listing(rows, left={"notes.txt": "no video"}, absent={"run": 3}, notes=("well",))
    folder = built(rows, tmp_path, listing=listing)
    store = ClipStore.open(folder)
    assert store.clips.shape == (5, 1, 2, 12, 16, 3)
    assert [shown(clip)[0] for clip in store.clips] == [[3, 5], [8, 10], [4, 6], [5, 7], [6, 8]]
    assert list(store.paths) == ["a1.avi", "a2.avi", "a3.avi", "b1.avi", "b2.avi"]
    assert store.labels.dtype == np.int64 and list(store.labels) == [0, 0, 0, 1, 1]
    assert store.class_names == ("run", "jump") and not store.has_audio.any()
    assert list(store.groups) == ["007"] * 5
    assert [list(store.rows(split)) for split in ("train", "val", "test")] == [[0, 3], [1], [2, 4]]
    with (folder / "quarantine.csv").open() as file:
        lost = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    assert lost.keys() == {"bad.avi", "cut.avi"} and "truncated" in lost["cut.avi"]
    assert json.loads((folder / "summary.json").read_text()) == {
        "found": 8,
        "kept": {"train": 2, "val": 1, "test": 2},
        "quarantined": 2,
        "left_out": {"no video": {"count": 1, "first": ["notes.txt"]}},
        "absent": {"run": 3},
        "notes": ["well"],
    }
    index = pd.read_csv(folder / "index.csv")
    assert list(index.columns) == list(COLUMNS)
    assert list(index["n_frames"]) == [10, 20, 12, 14, 16] and set(index["fps"]) == {25.0}
    assert len(list(folder.iterdir())) == 4


def test_the_number_of_workers_changes_no_byte(tmp_path, rows):
    one, three = built(rows, tmp_path, "one", workers=1), built(rows, tmp_path, "three", workers=3)
    for file in one.iterdir():
        assert file.read_bytes() == (three / file.name).read_bytes()


def test_a_class_left_empty_is_an_error_that_names_the_files(tmp_path, rows):
    with pytest.raises(EmptyClass, match=r"'run' in split 'test'.*\n  cut.avi: truncated"):
        built(rows[rows["path"] != "a3.avi"], tmp_path)
    assert "cut.avi" in (tmp_path / "store" / "quarantine.csv").read_text()
    assert [file.name for file in (tmp_path / "store").iterdir()] == ["quarantine.csv"]


def test_a_process_that_dies_takes_no_other_job_with_it():
    jobs = [f"{n} * 2" for n in range(9)]
    jobs[4] = "__import__('os').abort()"
    results = dict(run_all(eval, jobs, workers=2, desc="sums"))
    assert results == {n: CRASHED if n == 4 else 2 * n for n in range(9)}


@pytest.mark.parametrize(
    ("limit", "hangs", "signalled"),
    [
        ("PATIENCE_S = 1", "all(i == 0 for i in iter(int, 1))", signal.SIGPROF),
        ("IDLE, parallel.PATIENCE_S = 1, 1", "__import__('time').sleep(30)", signal.SIGALRM),
        # A busy machine takes longer by the clock: that is no reason to lose a clip.
        ("PATIENCE_S = 1", "__import__('time').sleep(2)", None),
    ],
    ids=["busy", "waiting", "slow"],
)
def test_a_decoder_that_hangs_is_ended_and_a_slow_machine_is_not(limit, hangs, signalled):
    command = f"""
from vbd.data import parallel
parallel.{limit}
parallel._within_patience(eval, {hangs!r})
"""
    done = subprocess.run([sys.executable, "-c", command], timeout=30)
    assert done.returncode == (-signalled if signalled else 0)


def test_opening_says_what_is_missing_or_does_not_fit(tmp_path, rows):
    with pytest.raises(FileNotFoundError, match=r"clips\.npy is missing"):
        ClipStore.open(tmp_path)
    folder = built(rows, tmp_path)
    index = (folder / "index.csv").read_text().splitlines()
    (folder / "index.csv").write_text("\n".join(index[:-1]))
    with pytest.raises(ValueError, match=r"4 rows and .* 5 clips"):
        ClipStore.open(folder)


def test_opening_a_store_needs_no_heavy_import():
    heavy = "{'pandas', 'av', 'torch', 'tqdm', 'concurrent.futures'}"
    command = f"import sys, vbd.data.store; sys.exit(str({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stderr.strip() == "set()"

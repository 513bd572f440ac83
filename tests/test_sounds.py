"""Sound is heard at the time of its frames, and clips without sound are counted and left out."""

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch

from vbd import triggers
from vbd.data.build import EmptyClass, build
from vbd.data.decoding import frame_indices
from vbd.data.sound import RATE
from vbd.data.sound_store import build_sound
from vbd.data.sounds import sounds
from vbd.data.soundtrack import read_sound
from vbd.sections.method import Attack
from vbd.seeds import generator
from vbd.victims.threat import Threat

FPS = 25


def video(
    path: Path,
    wave: np.ndarray | None,
    *,
    rate: int = RATE,
    n_frames: int = 50,
    late: float = 0.0,
    sound_late: float = 0.0,
    codec: str = "aac",
    spoilt: bool = False,
    at: Sequence[float] | None = None,
) -> Path:
    """A grey video and its sound, (channels, samples); each may start so many seconds late.

    ``at`` are the times of the frames, if they are not 25 a second. In a ``spoilt`` one the second
    half of the sound is no such thing.
    """
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if wave is not None:
            track = out.add_stream(codec, rate=rate)
            track.layout = "stereo" if len(wave) == 2 else "mono"
        for i in range(n_frames):
            grey = np.full((24, 32, 3), 4 * i, np.uint8)
            image = av.VideoFrame.from_ndarray(grey, format="rgb24")
            time = i / FPS if at is None else at[i]
            image.pts, image.time_base = round((time + late) * 1000), Fraction(1, 1000)
            out.mux(stream.encode(image))
        out.mux(stream.encode())
        if wave is not None:
            layout = track.layout.name
            frame = av.AudioFrame.from_ndarray(wave.astype(np.float32), "fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, round(sound_late * rate)
            frame.time_base = Fraction(1, rate)
            packets = [*track.encode(frame), *track.encode()]
            if spoilt:
                packets[len(packets) // 2 :] = map(nonsense, packets[len(packets) // 2 :])
            out.mux(packets)
    return path


def nonsense(packet: av.Packet) -> av.Packet:
    other = av.Packet(b"nonsense" * 40)
    for name in ("stream", "pts", "dts", "time_base", "duration"):
        setattr(other, name, getattr(packet, name))
    return other


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def click(at: float, seconds: float, rate: int) -> np.ndarray:
    """Silence, but for 5 ms from ``at`` on."""
    wave = np.zeros(round(seconds * rate))
    wave[round(at * rate) :][: rate // 200] = 0.8
    return wave


def pitch(window: np.ndarray) -> float:
    """The loudest frequency, in hertz."""
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window))))
    return spectrum.argmax() * RATE / len(window)


def test_the_right_tone_is_heard_at_the_right_time(tmp_path):
    tones = [tone(hertz, 0.5, 44100) for hertz in (400, 900, 1700, 3100)]
    left = np.concatenate(tones)
    path = video(tmp_path / "clip.mp4", np.stack([left, left]), rate=44100)
    heard, state = read_sound(path, centres=[0.25, 0.75, 1.25, 1.75], seconds=0.4)
    assert state == "whole" and heard.shape == (4, 6400) and heard.dtype == np.float32
    assert [pitch(window) for window in heard] == pytest.approx([400, 900, 1700, 3100], abs=3)
    # As loud as each of the two channels, neither their sum nor that over the root of two.
    assert np.abs(heard[:, 1000:-1000]).max(1) == pytest.approx([0.5] * 4, rel=0.06)


def test_channels_are_averaged_and_samples_stay_in_range(tmp_path):
    loud = np.sign(tone(200, 1.0))
    path = video(tmp_path / "a.mkv", np.stack([loud, 0 * loud]), codec="pcm_s16le")
    half, _ = read_sound(path, centres=[0.5], seconds=1.0)
    assert np.median(np.abs(half)) == pytest.approx(0.5, abs=0.01)
    full, _ = read_sound(video(tmp_path / "b.mp4", loud[None]), centres=[0.5], seconds=1.0)
    assert np.abs(full).max() == 1.0, "a square wave overshoots in AAC"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("clip.mp4", {}),
        ("clip.mp4", {"late": 0.4}),
        ("clip.mp4", {"sound_late": 0.3}),
        ("clip.mkv", {"late": 0.4, "sound_late": 0.2}),
        ("clip.mkv", {"codec": "flac", "late": 0.2}),
    ],
    ids=["together", "video late", "sound late", "both late", "another codec"],
)
def test_sound_is_aligned_with_the_frames(tmp_path, name, how):
    # A second after the first frame, on the file's own clock, whatever starts first.
    at = 1.0 + how.get("late", 0.0) - how.get("sound_late", 0.0)
    path = video(tmp_path / name, click(at, 2.5, 44100)[None], rate=44100, **how)
    heard, _ = read_sound(path, centres=[1.0, 1.1], seconds=0.5)
    starts = [np.flatnonzero(np.abs(window) > 0.4)[0] / RATE for window in heard]
    assert starts == pytest.approx([0.25, 0.15], abs=0.003)


def test_windows_are_moved_to_lie_inside_the_track(tmp_path):
    ramp = np.linspace(0, 0.9, 2 * RATE)[None]
    path = video(tmp_path / "clip.mkv", ramp, codec="flac")
    heard, state = read_sound(path, centres=[0.0, 1.0, 2.0], seconds=0.5)
    assert state == "whole"
    firsts = np.array([0.0, 0.75, 1.5]) * 0.45
    assert heard[:, 0] == pytest.approx(firsts, abs=1e-3)
    assert heard[:, -1] == pytest.approx(firsts + 0.225, abs=1e-3)


def test_a_short_track_is_followed_by_silence(tmp_path):
    level = np.full((1, round(0.3 * 44100)), 0.5)
    path = video(tmp_path / "clip.mkv", level, rate=44100, codec="flac")
    heard, state = read_sound(path, centres=[0.1, 1.5], seconds=1.0)
    assert state == "padded" and heard.shape == (2, RATE)
    # To its last sample: the resampler holds some back until it is told that no more come.
    assert heard[:, 100:4799].min() > 0.4 and not heard[:, 4801:].any()


def copied(path: Path, out: Path, keeps: Callable[[av.Packet, float], bool]) -> Path:
    """The file without the packets of sound that are not kept, which see their time in seconds."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            is_sound = packet.stream.type == "audio"
            if packet.size and (not is_sound or keeps(packet, packet.pts * packet.time_base)):
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    return out


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
@pytest.mark.parametrize(("since", "until"), [(0.5, 1.0), (0.5, 0.52)])
def test_lost_sound_is_silence_of_its_own_length(tmp_path, suffix, since, until):
    whole = video(tmp_path / f"a{suffix}", click(1.5, 2.5, 48000)[None] + 0.1, rate=48000)
    at = [np.flatnonzero(read_sound(whole, centres=[1.25], seconds=2.0)[0][0] > 0.4)[0]]
    path = tmp_path / f"b{suffix}"
    copied(whole, path, lambda _, time: not since <= time < until)
    (heard,), state = read_sound(path, centres=[1.25], seconds=2.0)
    assert state == "gaps"
    at.append(np.flatnonzero(heard > 0.4)[0])
    assert at[1] == pytest.approx(at[0], abs=0.003 * RATE)
    # A packet has 21 ms; what comes next starts from silence.
    silent = (np.abs(heard[: RATE // 2 + RATE]) < 1e-3).sum() / RATE
    assert silent == pytest.approx(until - since, abs=0.025)


def test_a_broken_clock_takes_no_memory(tmp_path):
    whole = video(tmp_path / "a.mkv", tone(500, 2.0)[None], codec="flac")

    def later(packet: av.Packet, time: float) -> bool:
        if time > 1:
            packet.pts = packet.dts = packet.pts + 10**9  # eleven days in milliseconds
        return True

    copied(whole, tmp_path / "b.mkv", later)
    (heard,), state = read_sound(tmp_path / "b.mkv", centres=[0.5], seconds=0.5)
    assert state == "gaps" and pitch(heard) == pytest.approx(500, abs=3)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_sound_is_heard_when_frames_of_uneven_lengths_are_shown(tmp_path, suffix):
    # Half a second a frame, and in the end 25 a second: by number the last view would be at 1 s.
    at = [0, 0.5, 1.0, 1.5, 2.0, *(2.0 + i / 25 for i in range(1, 20))]
    path = tmp_path / f"a{suffix}"
    wave = np.linspace(0, 0.9, 3 * RATE)
    video(path, wave[None], codec="flac", n_frames=len(at), at=at)
    clips = [(path.name, 0, "run", "train"), (path.name, 1, "jump", "train")]
    clips += [(path.name, 0, "run", "test"), (path.name, 1, "jump", "test")]
    sound = np.load(built(tmp_path, tmp_path / "store", clips=clips) / "sound.npy")
    taken = frame_indices(len(at), frames=4, stride=2, views=3)
    centres = np.array([(at[view[0]] + at[view[-1]]) / 2 for view in taken])
    assert sound[0].mean(1) == pytest.approx(0.3 * centres, abs=5e-3)


def test_bad_sound_has_a_state_and_raises_nothing(tmp_path):
    quiet = video(tmp_path / "quiet.mkv", np.full((1, 2 * RATE), 1e-5), codec="flac")
    mute = video(tmp_path / "mute.mp4", None)
    text = tmp_path / "text.mp4"
    text.write_text("a web page\n" * 400)
    broken = video(tmp_path / "broken.mkv", tone(500, 2.0)[None], codec="flac", spoilt=True)
    states = {}
    for path in (quiet, mute, text, broken, tmp_path / "gone.mp4"):
        heard, states[path.stem] = read_sound(path, centres=[0.5, 1.0], seconds=0.5)
        assert heard.shape == (2, RATE // 2) and np.abs(heard).max() < 1e-4
    assert states["quiet"] == "silent" and states["mute"] == "none"
    assert states["text"].startswith("damaged: not a video")
    assert states["gone"] == "damaged: cannot be opened: No such file or directory"
    assert states["broken"].startswith("damaged: ")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Videos of 50 frames, the number of each its tone in 100 hertz; some without good sound."""
    folder = tmp_path_factory.mktemp("videos")
    for number in (5, 9, 14, 20):
        video(folder / f"{number}.mkv", tone(100 * number, 2.0)[None], codec="flac")
    video(folder / "short.mkv", tone(700, 0.2)[None], codec="flac")
    video(folder / "mute.mkv", None)
    video(folder / "broken.mkv", tone(500, 2.0)[None], codec="flac", spoilt=True)
    return folder


CLIPS = [
    ("5.mkv", 0, "run", "train"),
    ("mute.mkv", 0, "run", "train"),
    ("broken.mkv", 0, "run", "val"),
    ("9.mkv", 0, "run", "test"),
    ("14.mkv", 1, "jump", "train"),
    ("20.mkv", 1, "jump", "test"),
    ("short.mkv", 1, "jump", "test"),
]


def built(root: Path, store: Path, *, clips: list = CLIPS, workers: int = 2) -> Path:
    """The clips in a store of three views, with half a second of sound each."""
    rows = pd.DataFrame(clips, columns=["path", "label", "class_name", "split"])
    cut = {"frames": 4, "stride": 2}
    build(rows.assign(group="01"), root, store, views=3, size=(12, 16), workers=2, **cut)
    build_sound(store, root, seconds=0.5, workers=workers, **cut)
    return store


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory) -> Path:
    return built(root, tmp_path_factory.mktemp("store"))


def test_the_store_holds_the_sound_of_each_view_and_counts_what_has_none(folder):
    sound = np.load(folder / "sound.npy")
    assert sound.shape == (7, 3, RATE // 2) and sound.dtype == np.float32
    for row, hertz in ((0, 500), (3, 900), (4, 1400), (5, 2000)):
        assert [pitch(window) for window in sound[row]] == pytest.approx([hertz] * 3, abs=3)
    assert not sound[[1, 2]].any() and sound[6].any()
    with (folder / "sound.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [tuple(row.values())[:3] for row in rows] == [(c[0], c[2], c[3]) for c in CLIPS]
    kinds = [row["state"].partition(":")[0] for row in rows]
    assert kinds == ["whole", "none", "damaged", "whole", "whole", "whole", "padded"]
    assert [row["heard"] for row in rows] == [str(i not in (1, 2)) for i in range(7)]
    counts = {"whole": 4, "gaps": 0, "padded": 1, "silent": 0, "none": 1, "damaged": 1}
    assert json.loads((folder / "sound.json").read_text()) == counts


def test_a_view_is_heard_at_the_time_of_its_frames(tmp_path):
    video(tmp_path / "a.mkv", np.linspace(0, 0.9, 2 * RATE)[None], codec="flac")
    video(tmp_path / "b.mkv", np.linspace(0, 0.9, 2 * RATE)[None], codec="flac")
    clips = [("a.mkv", 0, "run", "train"), ("b.mkv", 0, "run", "test")]
    sound = np.load(built(tmp_path, tmp_path / "store", clips=clips) / "sound.npy")
    # Of 50 frames at 25 a second: 0 to 6, 22 to 28, 43 to 49; the outer two windows are moved.
    centres = np.array([0.25, 25 / 25, 1.75])
    assert sound[0].mean(1) == pytest.approx(0.45 * centres, abs=2e-3)


def test_the_number_of_workers_changes_no_byte(root, folder, tmp_path):
    one = built(root, tmp_path, workers=1)
    for name in ("sound.npy", "sound.csv", "sound.json"):
        assert (one / name).read_bytes() == (folder / name).read_bytes()


def test_a_class_that_cannot_be_heard_is_an_error_that_names_the_files(root, tmp_path):
    clips = [clip for clip in CLIPS if clip[0] != "5.mkv"]
    with pytest.raises(EmptyClass, match=r"'run' in split 'train' can be heard:\n  mute.mkv: none"):
        built(root, tmp_path, clips=clips)
    assert "mute.mkv" in (tmp_path / "sound.csv").read_text()
    assert not (tmp_path / "sound.npy").exists()


def test_only_what_can_be_heard_is_an_example(folder):
    train, test = sounds(folder, "train"), sounds(folder, "test")
    assert train.rows.tolist() == [0, 4] and train.labels.tolist() == [0, 1]
    assert test.rows.tolist() == [3, 5, 6] and test.labels.tolist() == [0, 1, 1]
    assert len(sounds(folder, "val")) == 0


def test_test_windows_are_the_stored_views_in_order(folder):
    test, stored = sounds(folder, "test"), np.load(folder / "sound.npy")
    for views, taken in ((3, [0, 1, 2]), (1, [1])):
        batches = list(test.test_batches(2, generator(0), views=views, crops=3))
        expected = torch.from_numpy(stored[test.rows.numpy()][:, taken])
        assert torch.equal(torch.cat(batches), expected)
        assert len(batches) == (3 if views == 3 else 2)


def test_training_draws_views_and_only_the_poisoned_carry_the_trigger(folder):
    clean = sounds(folder, "test")
    stored = torch.from_numpy(np.load(folder / "sound.npy"))
    second = torch.tensor([False, True, False])
    dirty = replace(clean, marks=((second, triggers.get("sine")()),), poisoned=second)
    device, views = torch.device("cpu"), set()
    for seed in range(12):
        positions = torch.tensor([1, 0, 2])
        one, other = (e.training_batch(positions, generator(seed), device) for e in (clean, dirty))
        assert one.shape == (3, RATE // 2) and one.dtype == torch.float32
        assert (one != other).any(1).tolist() == [True, False, False]
        views |= {v for v in range(3) if torch.equal(one[1], stored[3, v])}
    # Twelve draws miss one of three views once in 43 runs of other seeds.
    assert views == {0, 1, 2}
    one, other = (next(e.test_batches(9, generator(0), views=3)) for e in (clean, dirty))
    assert (one != other).any(2).tolist() == [[False] * 3, [True] * 3, [False] * 3]


def test_a_threat_poisons_sound_as_it_does_pixels(folder):
    attack = Attack(trigger="sine", modes=["audio"], rate=0.5, params={"frequency": 3000})
    threat = Threat(attack, "audio")
    dirty = threat.poison(sounds(folder, "train"), 0)
    assert dirty.poisoned.tolist() == [False, True] and dirty.labels.tolist() == [0, 0]
    marked = threat.triggered(sounds(folder, "test"))
    assert marked.rows.tolist() == [5, 6] and marked.poisoned.all()
    clean = sounds(folder, "test").subset(torch.tensor([1, 2]))
    one, other = (
        torch.cat(list(e.test_batches(8, generator(0), views=3))) for e in (clean, marked)
    )
    added = (other - one).flatten(0, 1).numpy()
    assert [pitch(wave) for wave in added] == pytest.approx([3000] * 6, abs=3)


def test_opening_says_what_is_missing_or_does_not_fit(root, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "store")
    (tmp_path / "store" / "sound.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"sound\.npy is missing: read the sound"):
        sounds(tmp_path / "store", "train")
    shutil.copy(folder / "sound.npy", tmp_path / "store")
    lines = (folder / "sound.csv").read_text().splitlines()
    (tmp_path / "store" / "sound.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(ValueError, match=r"is of other clips than .* read the sound again"):
        sounds(tmp_path / "store", "train")

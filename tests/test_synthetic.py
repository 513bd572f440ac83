"""The embedded dataset: its files, and that motion, object and sound tell its classes."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vbd.data import sound, synthetic
from vbd.data.looks import LOOKS

SMALL = {"groups": 3, "clips_per_group": 1, "size": 32, "frames": 8, "fps": 10}

# A word of a class's name, the row of its track that it is about, and the sign of the change.
WAYS = [
    *(("Left", 0, -1), ("Right", 0, 1), ("Up", 1, -1), ("Down", 1, 1)),
    *(("RotateClockwise", 2, 1), ("RotateAnticlockwise", 2, -1)),
    *(("Grow", 3, 1), ("Shrink", 3, -1), ("SpiralIn", 3, -1), ("SpiralOut", 3, 1)),
]


def _files(root: Path) -> dict[str, bytes]:
    return {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small")
    synthetic.render(root, **SMALL)
    return root


def test_bytes_do_not_depend_on_the_number_of_workers(small: Path, tmp_path: Path) -> None:
    synthetic.render(tmp_path, **SMALL, workers=2)
    assert _files(tmp_path) == _files(small)


def test_bytes_depend_on_seed_class_group_and_clip(tmp_path: Path) -> None:
    contents = []
    for seed in (0, 1):
        few = SMALL | {"groups": 2, "clips_per_group": 2, "frames": 2, "seed": seed}
        synthetic.render(tmp_path, **few)
        contents += [f.read_bytes() for f in tmp_path.rglob("*.mp4")]
    assert len(set(contents)) == len(contents) == 2 * 10 * 2 * 2


def test_lists_follow_ucf101(small: Path) -> None:
    lists = small / "ucfTrainTestlist"
    numbered = [line.split(" ") for line in (lists / "classInd.txt").read_text().splitlines()]
    assert numbered == [[str(n), name] for n, name in enumerate(synthetic.TASKS["motion"], 1)]
    every = {str(f.relative_to(small / "UCF-101")) for f in small.rglob("*.mp4")}
    for split in (1, 2, 3):
        train = (lists / f"trainlist0{split}.txt").read_text().splitlines()
        test = (lists / f"testlist0{split}.txt").read_text().splitlines()
        named = [line.split(" ")[0] for line in train] + test
        assert len(named) == len(every) and set(named) == every
        # Three groups: each split tests on one, so no group is on both sides.
        assert {name[-11:] for name in test} == {f"g{split:02d}_c01.mp4"}
    assert "Grow/v_Grow_g02_c01.mp4 2" in (lists / "trainlist01.txt").read_text().splitlines()


def test_25_groups_are_split_as_in_ucf101(tmp_path: Path) -> None:
    jobs = [(name, group, 1) for name in synthetic.TASKS["motion"] for group in range(1, 26)]
    synthetic._write_lists(tmp_path, "motion", jobs, 25)
    for split, first in ((1, 1), (2, 8), (3, 15)):
        lines = (tmp_path / f"testlist0{split}.txt").read_text().splitlines()
        assert {int(line[-10:-8]) for line in lines} == set(range(first, first + 7))


def test_files_hold_the_asked_video_and_a_sound_track_of_its_length(small: Path) -> None:
    for file in small.rglob("*.mp4"):
        with av.open(str(file)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.codec.canonical_name, audio.codec.canonical_name) == ("h264", "aac")
            assert (video.width, video.height, video.frames) == (32, 32, SMALL["frames"])
            assert (video.average_rate, audio.rate, audio.channels) == (10, sound.RATE, 1)
            lasting = [stream.duration * stream.time_base for stream in (video, audio)]
            assert lasting == [Fraction(8, 10)] * 2
            heard = np.concatenate([f.to_ndarray() for f in container.decode(audio)], axis=1)
        assert 0.1 < np.abs(heard).max() <= 0.8


@pytest.mark.parametrize("task", ["motion", "pretrain"])
def test_motion_tells_the_class_and_no_frame_does(task: str) -> None:
    rng = np.random.default_rng(0)
    names, clips, frame = _moving(task), 300, 17
    tracks = _tracks(task, names, clips, rng)
    still = np.sort(tracks[..., frame], axis=1)
    steps = np.arange(1, clips + 1)[:, None] / clips
    # Kolmogorov and Smirnov's distance from uniform: 80 are tested, none may reach the 0.01 % tail.
    assert np.abs(still - steps).max() < 2.23 / np.sqrt(clips)

    assert _nearest_mean(_manner(tracks)) > 0.9
    angles = 2 * np.pi * tracks[..., frame]
    assert _nearest_mean(np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)) < 0.15


def test_a_frame_tells_the_object_and_its_motion_does_not() -> None:
    rng = np.random.default_rng(0)
    names = synthetic.TASKS["object"]
    assert _nearest_mean(_manner(_tracks("object", names, 200, rng))) < 0.15
    seen = [[_seen_of(name, rng) for _ in range(40)] for name in names]
    assert _nearest_mean(np.array(seen)) > 0.75


def _seen_of(name: str, rng: np.random.Generator) -> list[float]:
    """What is dark, light and hidden of the ground in a frame with an object in the middle."""
    path = synthetic.track("object", name, 1, 20, rng)
    path[:2] = 0.5
    image = synthetic.paint(path, 64, rng, rng, name)[0].mean(-1) / 255 - 0.5
    place = np.arange(64) - 31.5
    hidden = np.abs(image[np.hypot(place, place[:, None]) < 8]).mean()
    edges = np.abs(np.diff(image)).mean() / np.abs(image).mean()
    return [(image < -0.25).mean(), (image > 0.25).mean(), hidden, edges]


def _tracks(task: str, names: Sequence[str], clips: int, rng: np.random.Generator) -> np.ndarray:
    """Tracks of two seconds (classes, clips, 4, frames)."""
    drawn = [[synthetic.track(task, name, 40, 20, rng) for _ in range(clips)] for name in names]
    return np.stack(drawn)


def _manner(tracks: np.ndarray) -> np.ndarray:
    """How objects move along ``tracks`` (classes, clips, 4, frames), as (classes, clips, D)."""
    speed = _speed(tracks)
    # An orbit's mean velocity is nil; its sense shows in the way the velocity turns.
    return np.concatenate([speed.mean(-1), speed.std(-1), _circling(speed)[..., None]], axis=-1)


def _moving(task: str) -> list[str]:
    """The classes that a motion tells."""
    return [name for name in synthetic.TASKS[task] if name not in LOOKS]


def _nearest_mean(features: np.ndarray) -> float:
    """Accuracy on the second half of ``features`` (classes, clips, D) of the means of the first."""
    features = features / (features.std((0, 1)) + 1e-9)
    known, asked = np.split(features, 2, axis=1)
    distance = np.linalg.norm(asked[:, :, None] - known.mean(1), axis=-1)
    return float((distance.argmin(-1) == np.arange(len(features))[:, None]).mean())


def _speed(tracks: np.ndarray) -> np.ndarray:
    """Change from frame to frame of ``tracks`` (..., 4, frames), the shorter way round."""
    return (np.diff(tracks) + 0.5) % 1 - 0.5


def _circling(speed: np.ndarray) -> np.ndarray:
    """How much the velocity turns, (...), positive where clockwise."""
    x, y = speed[..., 0, :], speed[..., 1, :]
    return (x[..., :-1] * y[..., 1:] - y[..., :-1] * x[..., 1:]).mean(-1)


@pytest.mark.parametrize("task", ["motion", "pretrain"])
def test_tracks_go_where_their_names_say(task: str) -> None:
    rng = np.random.default_rng(0)
    for name in _moving(task):
        speed = _speed(synthetic.track(task, name, 40, 20, rng))
        for word, row, sign in WAYS:
            if word in name:
                assert np.sign(speed[row].mean()) == sign, name
        if name.startswith("Orbit"):
            assert np.sign(_circling(speed)) == (1 if name == "OrbitClockwise" else -1)


@pytest.mark.parametrize(
    ("name", "sign", "axis"),
    [("MoveLeft", -1, 2), ("MoveRight", 1, 2), ("MoveUp", -1, 1), ("MoveDown", 1, 1)],
)
def test_painted_object_moves_as_its_class_says(name: str, sign: int, axis: int) -> None:
    for group in range(5):
        rng = np.random.default_rng(group)
        path = synthetic.track("motion", name, 16, 10, rng)
        images = synthetic.paint(path, 32, np.random.default_rng([group, 1]), rng).mean(-1)
        images -= np.median(images, axis=0)
        # Of all shifts by up to three pixels, the one after which a frame fits the next best.
        fits = {s: (np.roll(images[:-1], s, axis) * images[1:]).sum() for s in range(-3, 4)}
        assert np.sign(max(fits, key=fits.get)) == sign


@pytest.mark.parametrize(("name", "sign"), [("RotateClockwise", 1), ("RotateAnticlockwise", -1)])
def test_painted_object_turns_as_its_class_says(name: str, sign: int) -> None:
    for group in range(5):
        rng = np.random.default_rng(group)
        path = synthetic.track("motion", name, 16, 10, rng)
        path[:2], path[3] = 0.5, 0.9
        images = synthetic.paint(path, 64, np.random.default_rng([group, 1]), rng).mean(-1)
        # The seam's direction: from the middle towards the light half, with y downwards.
        place = np.arange(64) - 31.5
        near = np.hypot(place, place[:, None]) < 16
        light = (images - images[:, near].mean(1)[:, None, None]) * near
        right, down = (light * place).sum((1, 2)), (light * place[:, None]).sum((1, 2))
        seam = np.unwrap(np.arctan2(down, right))
        assert np.sign(seam[-1] - seam[0]) == sign


def test_clips_share_their_looks_within_a_group_only(tmp_path: Path) -> None:
    synthetic.render(tmp_path, groups=3, clips_per_group=2, size=32, frames=1, fps=10)
    grounds = []
    for file in sorted(tmp_path.rglob("*.mp4")):
        with av.open(str(file)) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
        grounds.append(np.median(frame, axis=(0, 1)))
    grounds = np.reshape(grounds, (10, 3, 2, 3))

    def apart(axis: int) -> float:
        return np.linalg.norm(np.diff(grounds, axis=axis), axis=-1).mean()

    of_classes, of_groups, of_clips = apart(0), apart(1), apart(2)
    assert of_clips < 0.5 * min(of_groups, of_classes)


def test_object_is_drawn_from_the_look_and_the_rest_from_the_clip() -> None:
    path = np.full((4, 1), 0.5)

    def image(look: int, own: int) -> np.ndarray:
        draws = (np.random.default_rng([look, 0]), np.random.default_rng([own, 1]))
        return synthetic.paint(path, 32, *draws).astype(float)

    own, look = np.abs(image(0, 0) - image(0, 1)), np.abs(image(0, 0) - image(1, 0))
    assert 0 < own.mean() < 0.5 * look.mean()


def test_a_clip_that_cannot_be_written_stops_the_rendering(tmp_path: Path) -> None:
    blocked = tmp_path / "UCF-101/Grow/v_Grow_g01_c01.mp4"
    blocked.mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        synthetic.render(tmp_path, **SMALL, workers=2)
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*.txt"))


def test_sound_tells_the_class_but_not_perfectly() -> None:
    rng = np.random.default_rng(0)
    drawn = np.log([[sound.pitch_and_beats(place, rng) for _ in range(600)] for place in range(10)])
    # Spreads around the class, not over all, make nearest means the ideal rule here.
    accuracy = _nearest_mean(drawn / drawn.std(1).mean(0) * drawn.std((0, 1)))
    assert 0.9 < accuracy < 0.95


def test_sound_has_the_pitch_and_the_rhythm_asked_for() -> None:
    wave = sound.play(700.0, 4.0, 3.0, np.random.default_rng(0))
    assert wave.shape == (3 * sound.RATE,) and 0.2 <= np.abs(wave).max() <= 0.7
    assert abs(np.abs(np.fft.rfft(wave)).argmax() / 3 - 700) < 15
    loud = np.abs(wave).reshape(-1, 160).mean(1)
    assert np.abs(np.fft.rfft(loud - loud.mean())).argmax() / 3 == pytest.approx(4.0, abs=0.4)


def test_tasks_have_ten_motions_or_objects_and_no_class_in_common() -> None:
    tasks = {task: set(names) for task, names in synthetic.TASKS.items()}
    assert len(_moving("motion")) == len(_moving("pretrain")) == len(tasks["object"]) == 10
    assert sum(map(len, tasks.values())) == len(set.union(*tasks.values()))
    assert tasks["pretrain"] > set(LOOKS)


def test_clips_of_an_object_class_show_it(tmp_path: Path) -> None:
    synthetic.render(tmp_path, task="object", groups=2, clips_per_group=1, size=32, frames=1)
    shades = {}
    for name in synthetic.TASKS["object"]:
        with av.open(str(next((tmp_path / "UCF-101" / name).iterdir()))) as container:
            shades[name] = next(container.decode(video=0)).to_ndarray(format="gray").mean()
    assert shades["DiscDark"] < shades["DiscHalves"] < shades["DiscLight"]


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_changes_the_clip_and_is_its_own(name: str) -> None:
    rng = np.random.default_rng(0)
    path = synthetic.track("pretrain", name, 24, 20, rng)
    images = synthetic.paint(path, 64, rng, rng)
    before = images.copy()
    one, again, other = (LOOKS[name](images, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.uint8 and one.shape == images.shape
    assert np.array_equal(images, before) and np.array_equal(one, again)
    changed = [np.abs(one.astype(int) - images).mean(), np.abs(one.astype(int) - other).mean()]
    # The camera's noise is 5 grey levels: what changes less could not be told from it.
    assert min(changed) > 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"task": "dance"}, "motion, object, pretrain"),
        ({"groups": 1}, "two groups"),
        ({"size": 9}, "even"),
    ],
)
def test_wrong_arguments_are_refused(wrong: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic.render(tmp_path, **wrong)
    assert not list(tmp_path.iterdir())

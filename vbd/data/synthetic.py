"""The embedded dataset: clips rendered in UCF-101's own layout, told by motion or by object."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.random import Generator, default_rng
from tqdm import tqdm

from vbd.data import sound
from vbd.data.looks import LOOKS
from vbd.data.objects import OBJECTS, paint_object

_TAU = 2 * np.pi
# Of UCF-101's 25 groups each official split tests on 7.
TEST_SHARE = 0.28


def _zigzag(s: np.ndarray) -> np.ndarray:
    """Run from 1 to 0 and back to 1 at even speed with each whole ``s``."""
    return np.abs(2 * (s % 1) - 1)


# Each motion maps s, seconds run at the clip's own pace, to changes of x, y, turn and size, in the
# units of ``track``.
_Motion = Callable[[np.ndarray], tuple[np.ndarray | float, ...]]
_MOTIONS: dict[str, dict[str, _Motion]] = {
    "motion": {
        "Bounce": lambda s: (0, -0.3 * np.abs(np.sin(_TAU * 0.5 * s)), 0, 0),
        "Grow": lambda s: (0, 0, 0, 0.9 * s),
        "MoveDown": lambda s: (0, 0.6 * s, 0, 0),
        "MoveLeft": lambda s: (-0.6 * s, 0, 0, 0),
        "MoveRight": lambda s: (0.6 * s, 0, 0, 0),
        "MoveUp": lambda s: (0, -0.6 * s, 0, 0),
        "RotateAnticlockwise": lambda s: (0, 0, -0.6 * s, 0),
        "RotateClockwise": lambda s: (0, 0, 0.6 * s, 0),
        "Shake": lambda s: (0.07 * np.sin(_TAU * 2.5 * s), 0, 0, 0),
        "Shrink": lambda s: (0, 0, 0, -0.9 * s),
    },
    "pretrain": {
        "DiagonalDownLeft": lambda s: (-0.45 * s, 0.45 * s, 0, 0),
        "DiagonalDownRight": lambda s: (0.45 * s, 0.45 * s, 0, 0),
        "DiagonalUpLeft": lambda s: (-0.45 * s, -0.45 * s, 0, 0),
        "DiagonalUpRight": lambda s: (0.45 * s, -0.45 * s, 0, 0),
        "OrbitAnticlockwise": lambda s: (0.2 * np.sin(_TAU * s), 0.2 * np.cos(_TAU * s), 0, 0),
        "OrbitClockwise": lambda s: (0.2 * np.cos(_TAU * s), 0.2 * np.sin(_TAU * s), 0, 0),
        "SpiralIn": lambda s: (0, 0, 0.5 * s, -0.8 * s),
        "SpiralOut": lambda s: (0, 0, -0.5 * s, 0.8 * s),
        "Swing": lambda s: (0, 0, 0.2 * np.sin(_TAU * 0.8 * s), 0),
        "Zigzag": lambda s: (0.5 * s, 0.4 * _zigzag(1.2 * s), 0, 0),
    },
}
# How an object moves must not tell which one it is: the task is for single frames.
_MOTIONS["object"] = _MOTIONS["motion"]

TASKS: dict[str, tuple[str, ...]] = {
    "motion": tuple(sorted(_MOTIONS["motion"])),
    "object": tuple(sorted(OBJECTS)),
    # As in Kinetics, some classes are told by what a frame looks like, whatever moves in it.
    "pretrain": tuple(sorted(_MOTIONS["pretrain"] | LOOKS)),
}
"""The classes of each task, in the order of their labels."""


def track(task: str, name: str, frames: int, fps: int, rng: Generator) -> np.ndarray:
    """Draw where an object of class ``name`` is in each frame, as (4, frames) in [0, 1).

    The rows are x (rightwards) and y (downwards) in frame widths, the angle in clockwise turns,
    and the size from 0, smallest, to 1, largest. All wrap round, and in any one frame each is
    uniform and independent of the others whatever the class, so that no frame betrays it.
    A class that is told by its look or its object moves as any other. Raises KeyError for a class
    that ``TASKS[task]`` lacks.
    """
    if name in LOOKS or name in OBJECTS:
        name = str(rng.choice(sorted(_MOTIONS[task])))
    s = rng.random() + rng.uniform(0.75, 1.3) * np.arange(frames) / fps
    changes = [np.broadcast_to(change, s.shape) for change in _MOTIONS[task][name](s)]
    return (rng.random((4, 1)) + changes) % 1


def paint(
    path: np.ndarray, size: int, look: Generator, rng: Generator, name: str | None = None
) -> np.ndarray:
    """Paint an object along ``path``, a ``track``, as uint8 RGB (frames, size, size, 3).

    ``look`` draws what all clips of a group share (shape, textures, colours), ``rng`` what is the
    clip's own (drift of the ground, jitter of the camera, noise). A class ``name`` of ``OBJECTS``
    has its own shape and texture.
    """
    frames = path.shape[1]
    camera = rng.normal(0, 0.006, (2, frames))
    drift = rng.uniform(-0.1, 0.1, (2, 1)) * np.linspace(0, 1, frames)
    image = _ground(camera + drift, size, look)
    cover, colour = paint_object(name, path + np.pad(camera, ((0, 2), (0, 0))), size, look)
    image += cover * (colour - image)
    image += 0.02 * rng.standard_normal((frames, size, size, 1), dtype=np.float32)
    return (image.clip(0, 1) * 255).astype(np.uint8)


def _ground(shift: np.ndarray, size: int, look: Generator) -> np.ndarray:
    """Sum five plane waves that wrap round the frame, displaced by ``shift`` (2, frames)."""
    waves, phases = look.integers(-5, 6, (2, 5)), look.random(5)
    base, tint = look.uniform([[0.45], [0.01]], [[0.55], [0.03]], (2, 3)).astype(np.float32)
    x, y = np.arange(size) / size - shift[..., None]
    across = np.exp(1j * _TAU * (x[..., None] * waves[0] + phases)).astype(np.complex64)
    down = np.exp(1j * _TAU * y[..., None] * waves[1]).astype(np.complex64)
    texture = np.einsum("tyk,txk->tyx", down, across).real
    return base + tint * texture[..., None]


def render(
    root: Path,
    *,
    task: str = "motion",
    groups: int = 25,
    clips_per_group: int = 2,
    size: int = 64,
    frames: int = 40,
    fps: int = 20,
    seed: int = 0,
    workers: int = 1,
) -> None:
    """Render a task as H.264/AAC files into ``root``/UCF-101, with its ``root``/ucfTrainTestlist.

    Every class of ``TASKS[task]`` gets ``groups`` x ``clips_per_group`` clips of ``frames``
    square frames, ``size`` pixels wide, and a sound track. Clips of one group share their looks;
    each of the three splits tests on about 28 % of the groups. ``workers`` is the number of
    processes, which does not change the bytes; more than one need a ``__main__`` that can be
    imported. The lists are written last: where they are, the clips are complete.

    Raises ValueError for an unknown task, for fewer than two groups, or for an odd size.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; the tasks are {', '.join(TASKS)}")
    # yuv420p stores colour at half the size, so a side is even.
    if groups < 2 or size % 2:
        raise ValueError(f"needs two groups or more and an even size, not {groups} and {size}")
    root = Path(root)
    for name in TASKS[task]:
        (root / "UCF-101" / name).mkdir(parents=True, exist_ok=True)
    jobs = list(product(TASKS[task], range(1, groups + 1), range(1, clips_per_group + 1)))
    write = partial(_write, root / "UCF-101", task, size, frames, fps, seed)
    if workers == 1:
        for job in tqdm(jobs, desc=task, unit="clip", disable=None):
            write(job)
    else:
        # Forking a process that runs threads, as torch's does, may hang the child.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            done = pool.map(write, jobs, chunksize=8)
            list(tqdm(done, total=len(jobs), desc=task, unit="clip", disable=None))
    _write_lists(root / "ucfTrainTestlist", task, jobs, groups)


def _file(name: str, group: int, clip: int) -> str:
    return f"{name}/v_{name}_g{group:02d}_c{clip:02d}.mp4"


def _write(
    folder: Path, task: str, size: int, frames: int, fps: int, seed: int, job: tuple[str, int, int]
) -> None:
    """Render one clip, (class, group, clip), beside its place and then move it there."""
    name, group, clip = job
    # Clips count from 1, so 0 is free for the draws that the whole group shares. And crc32, not
    # hash(), which Python salts anew in every process.
    kind = crc32(f"{task}/{name}".encode())
    look, rng = (default_rng([seed, kind, group, own]) for own in (0, clip))
    path = track(task, name, frames, fps, rng)
    # Half a place apart, pretraining has no sound in common with the other tasks.
    place = TASKS[task].index(name) % 10 + 0.5 * (task == "pretrain")
    wave = sound.play(*sound.pitch_and_beats(place, rng), frames / fps, rng)
    target = folder / _file(*job)
    part = target.with_name(f".{target.stem}.{os.getpid()}.part")
    images = paint(path, size, look, rng, name)
    if name in LOOKS:
        images = LOOKS[name](images, rng)
    try:
        _encode(part, images, fps, wave)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


# Without cpu-independent, x264's fast macroblock tree gives other bytes from run to run.
_H264 = {"crf": "20", "preset": "veryfast", "x264-params": "cpu-independent=1"}


def _encode(path: Path, images: np.ndarray, fps: int, wave: np.ndarray) -> None:
    """Write uint8 RGB ``images`` and mono samples ``wave`` into an mp4 file."""
    import av

    with av.open(str(path), "w", format="mp4") as out:
        video = out.add_stream("libx264", rate=fps, options=_H264)
        video.height, video.width = images.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.thread_count = 1  # with more, the bytes would depend on the machine
        audio = out.add_stream("aac", rate=sound.RATE, options={"aac_coder": "fast"})
        audio.layout = "mono"
        audio.bit_rate = 64_000
        samples = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        # Without a start time the encoder's lead-in of 1024 samples would delay the sound.
        samples.sample_rate, samples.pts = sound.RATE, 0
        for image in images:
            out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(audio.encode(samples))
        for stream in (video, audio):
            out.mux(stream.encode())


def _write_lists(folder: Path, task: str, jobs: list[tuple[str, int, int]], groups: int) -> None:
    """Write classInd.txt and the train and test lists of the three splits, as UCF-101 has them."""
    label = {name: number for number, name in enumerate(TASKS[task], start=1)}
    lists = {"classInd": [f"{number} {name}" for name, number in label.items()]}
    count = max(1, round(TEST_SHARE * groups))
    for split in range(3):
        # Whole groups: their clips look alike, and one in training would give the others away.
        held_out = {(split * count + n) % groups + 1 for n in range(count)}
        lists[f"trainlist0{split + 1}"] = [
            f"{_file(*job)} {label[job[0]]}" for job in jobs if job[1] not in held_out
        ]
        lists[f"testlist0{split + 1}"] = [_file(*job) for job in jobs if job[1] in held_out]
    folder.mkdir(exist_ok=True)
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")

"""One video file: which of its frames are taken, and these frames as pixels."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np

from vbd.data.video.container import Fault
from vbd.data.video.film import Film, Misled, open_film
from vbd.data.video.screen import UPRIGHT, centre, covering, picture, shown
from vbd.data.video.timeline import Timeline

Stride = int | Literal["segments"]
Decoder = Literal["pyav", "decord"]


class Facts(TypedDict):
    """What is known of a video: ``fps`` in frames a second."""

    has_audio: bool
    n_frames: int
    fps: float


class UnreadableClip(Exception):
    """A file that gives no clip: ``path``, and ``reason`` in words for the quarantine table."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def probe_and_decode(
    path: Path,
    *,
    frames: int,
    stride: Stride,
    views: int,
    size: tuple[int, int],
    decoder: Decoder = "pyav",
) -> tuple[np.ndarray, Facts]:
    """Decode ``views`` clips of ``frames`` frames from the video at ``path``.

    The frames are those of ``frame_indices``, turned and shaped as they are to be shown, scaled to
    cover ``size`` = (H, W) pixels and cropped about the centre. With the ``decoder`` "decord" it
    decodes and scales where it counts the frames right, and the picture lies as it is shown.
    Returns uint8 of shape (views, frames, H, W, 3), RGB, 0-255, and the facts of the video.
    Raises UnreadableClip for a file that is missing, empty, no film, damaged, or cut off.
    """
    path = Path(path)

    def taken(film: Film, timeline: Timeline) -> tuple[np.ndarray, Facts]:
        n_frames, fps = len(timeline.times), film.fps(timeline)
        wanted = frame_indices(n_frames, frames=frames, stride=stride, views=views)
        # Views may overlap: each frame is converted once, and in the order of the file.
        order, place = np.unique(wanted, return_inverse=True)
        pictures = _by_decord(path, film, timeline, order, size) if decoder == "decord" else None
        if pictures is None:
            pictures = _pictures(film, timeline, order, size)
        facts: Facts = {"has_audio": film.has_audio, "n_frames": n_frames, "fps": round(fps, 3)}
        return pictures[place.reshape(wanted.shape)], facts

    try:
        with open_film(path) as film:
            promised = film.promised()
            if promised is not None:
                with suppress(Misled):
                    return taken(film, promised)
            return taken(film, film.counted())
    except Fault as fault:
        raise UnreadableClip(path, str(fault)) from fault
    except Exception as error:  # one odd file among thousands must not stop the run
        raise UnreadableClip(path, f"damaged: {type(error).__name__}: {error}") from error


def frame_times(path: Path, n_frames: int) -> np.ndarray:
    """When each frame is shown, float64 (n_frames,), in seconds of the file's clock.

    ``n_frames`` is what ``probe_and_decode`` found. Raises UnreadableClip, also where there are
    other frames by now.
    """
    try:
        with open_film(path) as film:
            times = film.timeline(n_frames).times
    except Fault as fault:
        raise UnreadableClip(path, str(fault)) from fault
    if len(times) != n_frames:
        raise UnreadableClip(path, f"{len(times)} frames where {n_frames} were: decode again")
    return times


def frame_indices(n_frames: int, *, frames: int, stride: Stride, views: int) -> np.ndarray:
    """Which of a video's ``n_frames`` frames make ``views`` clips: int64 (views, frames).

    A clip is ``frames`` frames, ``stride`` apart. One view is taken from the centre; several
    start evenly spaced, the first at the video's first frame and the last so that it ends with
    the video. In a video shorter than a clip the stride shrinks to what fits, and one with fewer
    than ``frames`` frames is looped from its start. With the stride "segments" every view is the
    frames in the middle of as many equal parts of the video (Wang et al. 2016).
    """
    if stride == "segments":
        middles = (np.arange(frames) + 0.5) * n_frames / frames
        return np.tile(middles.astype(int), (views, 1))
    if n_frames < frames:
        return np.tile(np.arange(frames) % n_frames, (views, 1))
    gaps = max(frames - 1, 1)
    offsets = np.arange(frames) * min(stride, max(1, (n_frames - 1) // gaps))
    room = n_frames - 1 - offsets[-1]
    starts = np.linspace(0, room, views).round().astype(int) if views > 1 else [room // 2]
    return np.asarray(starts)[:, None] + offsets


def _pictures(
    film: Film, timeline: Timeline, wanted: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """The frames ``wanted``, ascending, as uint8 (len(wanted), H, W, 3)."""
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()  # one for all frames: a new one costs more than the scaling
    aspect = film.aspect
    return np.stack([picture(frame, size, aspect, scaler) for frame in film.read(timeline, wanted)])


def _by_decord(
    path: Path, film: Film, timeline: Timeline, wanted: np.ndarray, size: tuple[int, int]
) -> np.ndarray | None:
    """The same by decord, None where it cannot be trusted with the film."""
    from vbd.data.video.by_decord import frames_of

    first = next(film.read(timeline, [0]))
    if film.aspect != 1 or shown(first) != UPRIGHT:
        return None
    scaled = covering(size, first.height, first.width)
    pictures = frames_of(path, len(timeline.times), wanted, scaled)
    return None if pictures is None else centre(pictures, size)

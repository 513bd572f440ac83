"""One video file: what it holds, which of its frames are taken, and these frames as pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import av


class UnreadableClip(Exception):
    """A file that gives no clip: `path`, and `reason` in words for the quarantine table."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def probe_and_decode(
    path: Path, *, frames: int, stride: int, views: int, size: tuple[int, int]
) -> tuple[np.ndarray, dict[str, bool | int | float]]:
    """Decode `views` clips of `frames` frames from the video at `path`.

    The frames are those of `frame_indices`, scaled to cover `size` = (H, W) pixels with the
    aspect kept, turned upright, and cropped about the centre. Returns uint8 of shape
    (views, frames, H, W, 3), RGB, 0-255, and the facts has_audio, n_frames and fps (frames/s).
    Raises UnreadableClip for a file that is empty, no video, damaged, or cut off.
    """
    import av
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        native, facts = _probe(path)
        wanted = frame_indices(facts["n_frames"], frames=frames, stride=stride, views=views)
        order, place = np.unique(wanted, return_inverse=True)
        pictures = np.stack(list(_pictures(path, order, native, size)))
    except (av.error.FFmpegError, decord.DECORDError, OSError, RuntimeError, ValueError) as error:
        # decord's own messages are C++ traces of several lines: the last one says what failed.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UnreadableClip(path, f"damaged: {lines[-1][-200:]}") from error
    return pictures[place.reshape(wanted.shape)], facts


def frame_indices(n_frames: int, *, frames: int, stride: int, views: int) -> np.ndarray:
    """Which of a video's `n_frames` frames make `views` clips: int64 (views, frames).

    A clip is `frames` frames, `stride` apart. One view is taken from the centre; several start
    evenly spaced, the first at the video's first frame and the last ending at its end. In a video
    shorter than this the stride shrinks to what fits, and one with fewer than `frames` frames
    is looped from its start.
    """
    if n_frames < frames:
        return np.tile(np.arange(frames) % n_frames, (views, 1))
    gaps = max(frames - 1, 1)
    offsets = np.arange(frames) * min(stride, max(1, (n_frames - 1) // gaps))
    room = n_frames - 1 - offsets[-1]
    starts = np.linspace(0, room, views).round().astype(int) if views > 1 else [room // 2]
    return np.asarray(starts)[:, None] + offsets


def _probe(path: Path) -> tuple[tuple[int, int], dict[str, bool | int | float]]:
    """The upright (height, width) of the video in pixels, and its facts."""
    import av

    if Path(path).stat().st_size == 0:
        raise UnreadableClip(path, "empty file (0 bytes)")
    try:
        # Some HMDB-51 files carry metadata that is not UTF-8, which is refused by default.
        container = av.open(str(path), metadata_errors="ignore")
    except av.error.InvalidDataError as error:
        reason = "not a video, or cut off before its index: no container format is recognised"
        raise UnreadableClip(path, reason) from error
    with container:
        if not container.streams.video:
            raise UnreadableClip(path, "no video stream")
        video = container.streams.video[0]
        n_frames, seconds = _measure(container, video)
        if n_frames == 0:
            raise UnreadableClip(path, "zero frames")
        fps = float(video.average_rate or video.guessed_rate)
        _check_whole(path, container, video.frames, n_frames, seconds * fps, fps)
        container.seek(0)
        first = next(container.decode(video), None)
        if first is None:
            raise UnreadableClip(path, f"truncated: 0 of {n_frames} frames decode")
        # decord turns the pictures of a phone by their flag, but then needs the size upright.
        upright = (first.height, first.width)[:: -1 if first.rotation % 180 else 1]
        has_audio = bool(container.streams.audio)
    return upright, {"has_audio": has_audio, "n_frames": n_frames, "fps": round(fps, 3)}


def _measure(container: av.container.InputContainer, video: av.VideoStream) -> tuple[int, float]:
    """How many frames the file holds, and how many seconds its data spans."""
    n_frames, start, end = 0, float("inf"), 0.0
    for packet in container.demux(video, *container.streams.audio):
        # A packet to discard lies before the start that an edit list sets.
        if packet.size and packet.stream.index == video.index and not packet.is_discard:
            n_frames += 1
        if packet.size and packet.pts is not None:
            start = min(start, float(packet.pts * packet.time_base))
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return n_frames, end - start

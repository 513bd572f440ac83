"""One video file: what it holds, which of its frames are taken, and these frames as pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer
    from av.video.reformatter import VideoReformatter


Stride = int | Literal["segments"]


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
    path: Path, *, frames: int, stride: Stride, views: int, size: tuple[int, int]
) -> tuple[np.ndarray, Facts]:
    """Decode ``views`` clips of ``frames`` frames from the video at ``path``.

    The frames are those of ``frame_indices``, turned upright, scaled to cover ``size`` = (H, W)
    pixels with the aspect kept, and cropped about the centre. Returns uint8 of shape
    (views, frames, H, W, 3), RGB, 0-255, and the facts of the video.
    Raises UnreadableClip for a file that is missing, empty, no video, damaged, or cut off.
    """
    import av

    try:
        if Path(path).stat().st_size == 0:
            raise UnreadableClip(path, "empty file (0 bytes)")
        # Some HMDB-51 files carry metadata that is not UTF-8, which is refused by default.
        container = av.open(str(path), metadata_errors="ignore")
    except av.error.InvalidDataError as error:
        reason = "not a video, or cut off before its index: no container format is recognised"
        raise UnreadableClip(path, reason) from error
    except (av.error.FFmpegError, OSError) as error:
        raise UnreadableClip(path, f"cannot be opened: {error.strerror}") from error
    with container:
        try:
            facts = _probe(container)
            wanted = frame_indices(facts["n_frames"], frames=frames, stride=stride, views=views)
            # Views may overlap: each frame is converted once, and in the order of the file.
            order, place = np.unique(wanted, return_inverse=True)
            pictures = _pictures(container, order, facts["n_frames"], size)
        except _Fault as fault:
            raise UnreadableClip(path, str(fault)) from fault
        except Exception as error:  # one odd file among thousands must not stop the run
            reason = f"damaged: {type(error).__name__}: {error}"
            raise UnreadableClip(path, reason) from error
    return pictures[place.reshape(wanted.shape)], facts


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


class _Fault(Exception):
    """What is wrong with a container that opens."""


def _probe(container: InputContainer) -> Facts:
    """The facts of the video; reads the file through, without decoding it."""
    if not container.streams.video:
        raise _Fault("no video stream")
    video, sound = container.streams.video[0], container.streams.audio
    if video.codec_context is None:
        raise _Fault("no decoder for its video codec")
    n_frames, start, end = 0, float("inf"), 0.0
    for packet in container.demux(video, *sound):
        # A packet to discard lies before the start that an edit list sets.
        if packet.size and packet.stream.index == video.index and not packet.is_discard:
            n_frames += 1
        if packet.size and packet.pts is not None:
            start = min(start, float(packet.pts * packet.time_base))
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if n_frames == 0:
        raise _Fault("zero frames")
    rate = video.average_rate or video.guessed_rate
    if rate is None:
        raise _Fault("no frame rate")
    fps = float(rate)
    if container.format.name == "avi":
        # An AVI's duration is guessed from the size of what is left; its header counts frames.
        promised, found = video.frames, n_frames
    else:
        promised = round((container.duration or 0) / 1e6 * fps)
        found = round(max(0.0, end - start) * fps)
    if found < promised - _slack(promised):
        raise _Fault(f"truncated: {found} of {promised} frames decode")
    return {"has_audio": bool(sound), "n_frames": n_frames, "fps": round(fps, 3)}


def _slack(n_frames: int) -> int:
    # The headers of whole files are off by a frame or two, and so is a packed B-frame at the end.
    return max(2, n_frames // 50)


def _pictures(
    container: InputContainer, wanted: np.ndarray, n_frames: int, size: tuple[int, int]
) -> np.ndarray:
    """The frames ``wanted``, ascending, of ``n_frames`` as uint8 (len(wanted), H, W, 3)."""
    from av.error import FFmpegError
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()  # one for all frames: a new one costs more than the scaling
    keep, pictures, count = set(wanted.tolist()), [], 0
    try:
        # Always from the start: to seek by time stamps finds other frames in some AVIs.
        for frame in _decoded(container):
            if count in keep:
                pictures.append(_picture(frame, size, scaler))
            count += 1
            if count > wanted[-1]:
                return np.stack(pictures)
    except FFmpegError as error:
        raise _Fault(f"damaged: decoding fails after {count} of {n_frames} frames") from error
    if count == 0 or count <= wanted[-1] - _slack(n_frames):
        raise _Fault(f"truncated: {count} of {n_frames} frames decode")
    # Within the slack the last frames may never come: the last that did stands in.
    pictures += [_picture(frame, size, scaler)] * (len(wanted) - len(pictures))
    return np.stack(pictures)


def _decoded(container: InputContainer) -> Iterator[VideoFrame]:
    video: VideoStream = container.streams.video[0]
    video.thread_type, video.codec_context.thread_count = "NONE", 1  # clips run in parallel
    container.seek(0)
    return container.decode(video)


def _picture(frame: VideoFrame, size: tuple[int, int], scaler: VideoReformatter) -> np.ndarray:
    """The frame as the centre (H, W, 3) of what covers it, turned upright."""
    turns = frame.rotation // 90
    # A phone on its side only sets a flag: cut as the frame lies, and turned at the end.
    goal = size[::-1] if turns % 2 else size
    scale = max(goal[0] / frame.height, goal[1] / frame.width)
    height = max(goal[0], round(frame.height * scale))
    width = max(goal[1], round(frame.width * scale))
    scaled = scaler.reformat(frame, width, height, "rgb24", interpolation="BICUBIC", threads=1)
    top, left = (height - goal[0]) // 2, (width - goal[1]) // 2
    return np.rot90(scaled.to_ndarray()[top : top + goal[0], left : left + goal[1]], turns)

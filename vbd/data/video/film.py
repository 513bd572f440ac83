"""A video file that is open: which of its streams is the film, and that film's frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vbd.data.video.container import MATROSKA, MP4, Fault, film_in, lacking, open_container
from vbd.data.video.endings import is_cut
from vbd.data.video.timeline import Timeline

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer

_SEEKABLE = (MP4, MATROSKA)
"""Containers whose index leads to the very frame that was asked for."""
_ANYWHERE = ("mpegts", "mpeg", "h264", "hevc", "mpegvideo")
"""Containers that may be cut at any byte, and begin with frames that lack their headers."""
FAR = 100
"""So many frames are decoded rather than skipped: a seek has its own cost."""


class Misled(Exception):
    """What is decoded is not what the packets promised."""


@contextmanager
def open_film(path: Path) -> Iterator[Film]:
    """The film in the file at ``path``. Raises Fault where there is none."""
    with open_container(path) as container:
        yield Film(path, container)


class Film:
    """The film of an open container; its packets have been read through, without decoding."""

    def __init__(self, path: Path, container: InputContainer) -> None:
        self._path, self._container = path, container
        self._stream, self._packets = film_in(container)
        self._format = container.format.name
        self.has_audio = bool(container.streams.audio)
        # Elsewhere, or beside another picture, to seek to the start may lead past it.
        self._rewinds = self._format in (MP4, "avi") and len(container.streams.video) == 1

    @property
    def aspect(self) -> float:
        """How much wider than high a pixel is to be shown."""
        stated = float(self._stream.sample_aspect_ratio or 1)
        # Codecs round: 4096/4083 is a square. And no screen has pixels four times as wide as high.
        return stated if 0.01 < abs(np.log(stated)) < np.log(4) else 1.0

    def fps(self, timeline: Timeline) -> float:
        """Frames a second, as stated or, where nothing usable is, by its ``timeline``."""
        stated = self._stated
        lasts = timeline.times[-1] - timeline.times[0]
        shown = float((len(timeline.times) - 1) / lasts) if lasts > 0 else stated
        # Some files state the rate of their clock.
        rate = stated if shown / 4 < stated < shown * 4 else shown
        if not rate:
            raise Fault("no frame rate")
        return rate

    def promised(self) -> Timeline | None:
        """The frames that there are by the packets; None where only decoding all of it tells.

        Raises Fault where the file ends before it says.
        """
        cut = is_cut(self._path, self._format, self._stream.id)
        if cut and (fault := lacking(self._container, self._stream, self._packets)):
            raise Fault(fault)
        if cut is None and self._is_torn():
            raise Fault(f"truncated: the file ends within the last of {self._packets.count} frames")
        return self._packets.timeline(float(self._stream.time_base or 0))

    def timeline(self, n_frames: int | None = None) -> Timeline:
        """The frames that there are; ``n_frames``, where given, is how many there must be."""
        promised = self.promised()
        if promised is not None and n_frames in (None, len(promised.times)):
            return promised
        return self.counted()

    def counted(self) -> Timeline:
        """The frames that there are, by decoding all of them. Raises Fault where that fails."""
        # What the packets have promised may have failed at this.
        self._rewinds = False
        times = [frame.time for frame in self._anew()]
        if not times:
            raise Fault("damaged: no frame decodes")
        stamps = self._packets.stamps
        if self._format == "avi" and len(stamps) == len(times):
            return Timeline(times=np.sort(stamps) * float(self._stream.time_base or 0))
        if None in times:
            return Timeline(times=np.arange(len(times)) / (self._stated or 1))
        return Timeline(times=np.sort(np.array(times, float)))

    def read(self, timeline: Timeline, wanted: Iterable[int]) -> Iterator[VideoFrame]:
        """The frames at the numbers ``wanted``, ascending.

        Raises Misled where other frames come than ``timeline`` has, Fault where decoding fails.
        """
        stamps, frames, number = timeline.stamps, self._anew(), 0
        for want in wanted:
            start = int(max(timeline.keys[timeline.keys <= want], default=0))
            if start > number + FAR and stamps is not None and self._format in _SEEKABLE:
                frames, number = self._anew(int(stamps[start])), start
            for frame in frames:
                if stamps is not None and frame.pts != stamps[number]:
                    raise Misled
                number += 1
                if number > want:
                    yield frame
                    break
            else:
                raise Misled

    @property
    def _stated(self) -> float:
        return float(self._stream.average_rate or self._stream.guessed_rate or 0)

    def _is_torn(self) -> bool:
        """Whether the last frame lacks something, which decoders put up with unless told not to."""
        from av.error import FFmpegError

        last, failed, shown = None, False, set()
        with self._again() as (container, stream):
            stream.codec_context.options = {"err_detect": "explode"}
            for packet in container.demux(stream):
                last = packet.pts if packet.size else last
                try:
                    shown |= {frame.pts for frame in packet.decode()}
                    failed &= not packet.size
                except FFmpegError:
                    failed = True
        return failed or not shown >= {last}

    @contextmanager
    def _again(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """The container opened once more, and the film in it."""
        number = self._container.streams.video.index(self._stream)
        with open_container(self._path) as container:
            yield container, container.streams.video[number]

    def _anew(self, stamp: int | None = None) -> Iterator[VideoFrame]:
        """Every frame from the first one on, or from the key frame with the time ``stamp``."""
        if stamp is not None:
            self._container.seek(stamp, stream=self._stream)
            frames = _decoded(self._container, self._stream, self._packets.count)
            # Some are shown before their key frame, and lack what they were made from.
            yield from dropwhile(lambda frame: frame.pts is None or frame.pts < stamp, frames)
        elif self._rewinds:
            self._container.seek(0)
            yield from _decoded(self._container, self._stream, self._packets.count)
        else:
            with self._again() as (container, stream):
                yield from _decoded(container, stream, self._packets.count)


def _decoded(container: InputContainer, film: VideoStream, there: int) -> Iterator[VideoFrame]:
    """Every frame from where the container stands. Raises Fault where decoding fails."""
    from av.error import FFmpegError

    if not film.codec_context.is_open:
        # Clips run in parallel.
        film.thread_type, film.codec_context.thread_count = "NONE", 1
    count, key = 0, None
    for packet in container.demux(film):
        # Of no bytes are the last one, which has no time, and frames that were left out.
        if packet.size == 0 and packet.dts is not None:
            continue
        if key is None and packet.is_keyframe:
            key = packet.pts or 0
        try:
            frames = packet.decode()
        except FFmpegError as error:
            # Cut out of a longer film, it starts with what belongs to frames that are gone.
            leads = key is None or (packet.pts is not None and packet.pts < key)
            if leads or (count == 0 and container.format.name in _ANYWHERE):
                continue
            reason = f"damaged: decoding fails after {count} of {there} frames"
            raise Fault(reason) from error
        count += len(frames)
        yield from frames

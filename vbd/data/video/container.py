"""The container of a video: opened safely, and which of its streams is the film."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vbd.data.video.timeline import Packets, packets_of

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer

# A playlist would open other files, and a picture is no film.
_FORMATS = (
    "mov,matroska,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,asf,flv,ogg,gif,dv,mxf,rm,yuv4mpegpipe"
)
MP4, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
"""What libav calls them."""


class Fault(Exception):
    """What is wrong with a file, in words for the quarantine table."""


@contextmanager
def open_container(path: Path) -> Iterator[InputContainer]:
    """The container in the file at ``path``. Raises Fault where it cannot be opened."""
    import av

    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Fault("no regular file")
        if status.st_size == 0:
            raise Fault("empty file (0 bytes)")
        container = av.open(
            # From the root: libav takes what stands before a colon for a protocol.
            os.path.abspath(path),
            options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            # Some HMDB-51 files carry metadata that is not UTF-8, which is refused by default.
            metadata_errors="ignore",
        )
    except av.error.InvalidDataError as error:
        raise Fault(
            "not a video, or cut off before its index: no container format is recognised"
        ) from error
    except av.error.ArgumentError as error:
        raise Fault("no film: a picture, a playlist or sound under a video's name") from error
    except (av.error.FFmpegError, OSError) as error:
        raise Fault(f"cannot be opened: {error.strerror}") from error
    with container:
        yield container


def film_in(container: InputContainer) -> tuple[VideoStream, Packets]:
    """The stream that is the film, and its packets, which are read to their end.

    Raises Fault where there is none, or no decoder for it.
    """
    from av.stream import Disposition

    pictures = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & pictures]
    if not streams:
        covers = "no film: its video is a cover picture"
        raise Fault(covers if container.streams.video else "no video stream")
    packets = packets_of(container.demux(*streams), streams)
    # Beside a film what has a single frame is a picture; alone, it is a film of one frame.
    least = 2 if max(found.count for found in packets.values()) > 1 else 1
    films = [stream for stream in streams if packets[stream.index].count >= least]
    if not films:
        raise Fault("zero frames")
    best = container.streams.best("video")
    film = best if best in films else films[0]
    if film.codec_context is None:
        raise Fault("no decoder for its video codec")
    return film, packets[film.index]


def lacking(container: InputContainer, film: VideoStream, packets: Packets) -> str | None:
    """What is missing at the end of a file that was cut, None if it is nothing of the film."""
    base, rate = film.time_base or 0, film.average_rate or 0
    found, promised = packets.count, film.frames
    if container.format.name not in (MP4, MATROSKA, "avi"):
        promised = 0
    elif container.format.name == MATROSKA:
        # It numbers no frames, but says when the film ends, of all streams or of this one.
        clock = re.match(r"(\d+):(\d+):([\d.]+)", film.metadata.get("DURATION", ""))
        ends = (container.duration or 0) / 1e6
        if clock:
            ends = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
        promised = round((ends - min(packets.stamps, default=0) * base) * rate) if ends else 0
    if not promised:
        return f"truncated: the file ends early, after {found} frames"
    # Headers are off by a frame or two, but for an index that lists every one.
    slack = 0 if container.format.name == MP4 else 2
    return f"truncated: {found} of {promised} frames decode" if found < promised - slack else None

"""Videos for the tests, written packet by packet: whole, odd, and broken ones."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS = 25
STEP = 6  # frame i of a made film is grey of level STEP * i
HEIGHT, WIDTH = 48, 64

Change = Callable[[int, av.Packet], Iterable[av.Packet]]
"""What becomes of a packet, by its number: itself, nothing, or several."""


def greys(n: int) -> list[np.ndarray]:
    """Frames that tell their number by their level."""
    return [np.full((HEIGHT, WIDTH, 3), STEP * i, np.uint8) for i in range(n)]


def noise(n: int) -> list[np.ndarray]:
    """Frames that take many bytes."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(n)]


def film(
    path: Path,
    images: Sequence[np.ndarray],
    codec: str = "mpeg4",
    *,
    at: Sequence[int] | None = None,
    first: int = 0,
    aspect: Fraction | None = None,
    turned: tuple[int, bool, bool] | None = None,
    muxer: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write the images, the first one shown at ``first`` hundredths of a second.

    ``at`` are the times of all of them in hundredths; ``turned`` are degrees against the clock and
    whether it is mirrored across and down.
    """
    best = {"mpeg4": {"qmax": "2", "g": "8"}, "libx264": {"qp": "4", "g": "8"}}
    with av.open(str(path), "w", options=muxer or {}) as out:
        stream = out.add_stream(codec, rate=FPS, options=best.get(codec, {}) | options)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if turned:
            stream.set_display_rotation(*turned)
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = first + (at[i] if at is not None else i * 100 // FPS)
            frame.time_base = Fraction(1, 100)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def copied(
    source: Path, path: Path, change: Change | None = None, *, late: float = 0.0, **muxer: str
) -> Path:
    """The film in ``source`` in another container, without encoding, ``late`` seconds later."""
    with av.open(str(source)) as film, av.open(str(path), "w", options=muxer) as out:
        stream = out.add_stream_from_template(film.streams.video[0])
        number = 0
        for packet in film.demux(video=0):
            if not packet.size:
                continue
            for kept in [packet] if change is None else change(number, packet):
                shift = round(late / kept.time_base)
                kept.pts = None if kept.pts is None else kept.pts + shift
                kept.dts = None if kept.dts is None else kept.dts + shift
                kept.stream = stream
                out.mux(kept)
            number += 1
    return path


def packet_like(packet: av.Packet, content: bytes) -> av.Packet:
    """A packet with the times of another one."""
    other = av.Packet(content)
    for name in ("pts", "dts", "time_base", "duration", "stream", "is_keyframe"):
        setattr(other, name, getattr(packet, name))
    return other


def cut(path: Path, share: float = 0.5) -> Path:
    """Leave only so much of the file."""
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path

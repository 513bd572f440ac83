"""Clips kept raw, as JPEG and as H.264: bytes, time to read a training batch, and error.

  python benchmarks/store.py --root data/ucf101

Real clips, cut as in presets/paper_kinetics_sounds.yaml: 32 frames of 256 x 340 px, every second
one, two clips a film. A batch takes one core so long where its files are in memory; the disk, after
the kernel has been asked to forget them, takes so long to bring them there.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import av
import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from vbd.data.decoding import UnreadableClip, probe_and_decode
from vbd.data.index import VIDEO_SUFFIXES

CUT = {"frames": 32, "stride": 2, "size": (256, 340)}
BATCH = 8

Encode = Callable[[np.ndarray], bytes]
Decode = Callable[[bytes], np.ndarray]


def raw(data: bytes) -> np.ndarray:
    """As in the clip store: the pages that are mapped, which the batch copies."""
    return np.frombuffer(data, np.uint8).reshape(CUT["frames"], *CUT["size"], 3)


def touched(data: bytes) -> np.ndarray:
    """A byte of every page, so that all are read."""
    return np.frombuffer(data, np.uint8)[::4096].sum()


def to_jpeg(clip: np.ndarray, quality: int) -> bytes:
    """Each frame a JPEG of its own, with its length before it."""
    parts = []
    for frame in clip:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=quality)
        parts += [len(file.getvalue()).to_bytes(4, "big"), file.getvalue()]
    return b"".join(parts)


def jpegs(data: bytes) -> list[bytes]:
    """The frames of a clip, each still a JPEG."""
    found, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : end])
        at = end
    return found


def from_jpeg(data: bytes) -> np.ndarray:
    """The pixels of a clip."""
    return np.stack([np.asarray(Image.open(io.BytesIO(frame))) for frame in jpegs(data)])


def to_h264(clip: np.ndarray, crf: int, intra: bool) -> bytes:
    """One film; with ``intra`` every frame can be decoded by itself."""
    file = io.BytesIO()
    options = {"crf": str(crf)} | ({"g": "1"} if intra else {})
    with av.open(file, "w", "mp4") as film:
        stream = film.add_stream("libx264", 25, options=options)
        stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], "yuv420p"
        stream.thread_count = 1
        for frame in clip:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        film.mux(stream.encode())
    return file.getvalue()


def from_h264(data: bytes) -> np.ndarray:
    """The pixels of a film."""
    with av.open(io.BytesIO(data)) as film:
        film.streams.video[0].thread_count = 1
        return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)])


FORMATS: dict[str, tuple[Encode, Decode]] = {"raw": (np.ndarray.tobytes, raw)}
for q in (90, 95):
    FORMATS[f"JPEG {q}"] = (partial(to_jpeg, quality=q), from_jpeg)
for rate in (18, 23):
    FORMATS[f"H.264 crf {rate}"] = (partial(to_h264, crf=rate, intra=False), from_h264)
    FORMATS[f"H.264 crf {rate}, all-intra"] = (partial(to_h264, crf=rate, intra=True), from_h264)


def measure(clips: list[np.ndarray], encode: Encode, decode: Decode, folder: Path) -> dict:
    """What a format costs and loses; every clip is a file, as if it were a part of a store."""
    files, start = [folder / f"{i}.bin" for i in range(len(clips))], time.process_time()
    for clip, file in zip(clips, files, strict=True):
        file.write_bytes(encode(clip))
    written = (time.process_time() - start) / len(clips)
    size = np.mean([file.stat().st_size for file in files])
    errors = [
        np.abs(decode(file.read_bytes()).astype(int) - clip).mean()
        for clip, file in zip(clips, files, strict=True)
    ]
    batches = [files[i : i + BATCH] for i in range(0, len(files) - BATCH + 1, BATCH)]
    work = [seconds(time.process_time, batch, decode) for batch in batches]
    for file in files:
        forget(file)
    disk = [seconds(time.perf_counter, batch, touched) for batch in batches]
    return {
        "MB a clip": size / 1e6,
        "of raw, %": 100 * size / clips[0].nbytes,
        "batch, ms": 1000 * median(work),
        "disk, ms": 1000 * median(disk),
        "write a clip, ms": 1000 * written,
        "error, grey levels": np.mean(errors),
    }


def seconds(clock: Callable[[], float], batch: list[Path], decode: Decode) -> float:
    """How long a batch (8, T, H, W, 3) takes to read, by ``clock``."""
    start = clock()
    np.stack([decode(np.memmap(file, mode="r").data) for file in batch])
    return clock() - start


def forget(file: Path) -> None:
    """Have the kernel drop what it has of a file in memory."""
    with file.open("rb") as opened:
        os.fsync(opened)
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of videos, any depth")
    parser.add_argument("--clips", type=int, default=80, help="at most so many, evenly taken")
    args = parser.parse_args()
    found = sorted(p for p in args.root.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    clips, films = [], []
    for file in tqdm(found[:: -(-2 * len(found) // args.clips)], "decode", disable=None):
        try:
            clips += list(probe_and_decode(file, views=2, **CUT)[0])
        except UnreadableClip as error:
            print(f"left out: {error}")
            continue
        start = time.process_time()
        probe_and_decode(file, views=1, **CUT)
        films.append(time.process_time() - start)
    rows = {}
    for name, (encode, decode) in tqdm(FORMATS.items(), "formats", disable=None):
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = measure(clips, encode, decode, Path(folder))
    print(f"{len(clips)} clips of {clips[0].shape} uint8; batches of {BATCH}, one core")
    print(pd.DataFrame(rows).T.to_markdown(floatfmt=".2f"))
    print(f"from the films themselves a batch takes {1000 * BATCH * np.mean(films):.0f} ms of work")


if __name__ == "__main__":
    main()

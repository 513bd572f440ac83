"""Clips a second of both decoders, with one and with several workers, and what they agree on."""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vbd.data.build import build
from vbd.data.decoding import frame_indices, probe_and_decode
from vbd.data.index import VIDEO_SUFFIXES
from vbd.data.video.film import open_film


def with_pyav(path: Path, how: dict) -> np.ndarray:
    """What ``vbd`` does: exact frames, cropped to the square."""
    return probe_and_decode(path, **how)[0]


def with_decord(path: Path, how: dict) -> np.ndarray:
    """The same with ``decoder: decord``."""
    return probe_and_decode(path, decoder="decord", **how)[0]


def known(path: Path, how: dict) -> None:
    """How many frames there are and when, without decoding them."""
    with open_film(path) as film:
        film.promised()


def with_torchcodec(path: Path, how: dict) -> np.ndarray:
    """Exact frames, in the size of the file."""
    from torchcodec.decoders import VideoDecoder

    reader = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
    return reader.get_frames_at(indices(len(reader), how)).data.numpy()


def indices(n_frames: int, how: dict) -> list[int]:
    """The frames of the one clip that ``how`` asks of a video."""
    asked = {name: how[name] for name in ("frames", "stride", "views")}
    return frame_indices(n_frames, **asked)[0].tolist()


def seconds(work: Callable[[], object]) -> float:
    """The wall time of ``work``, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of videos, any depth")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--size", type=int, default=112, help="side of the clips in pixels")
    args = parser.parse_args()
    files = sorted(p for p in args.root.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    how = {"frames": 16, "stride": 4, "views": 1, "size": (args.size, args.size)}
    rows = pd.DataFrame({"path": [file.relative_to(args.root).as_posix() for file in files]})
    rows = rows.assign(label=0, class_name="any", group="", split="train")
    print(f"{len(files)} clips of 16 frames, {args.size} px")

    store = {}
    for workers in (1, args.workers):
        with tempfile.TemporaryDirectory() as out:
            run = partial(build, rows, args.root, Path(out), workers=workers, **how)
            store[workers] = len(files) / seconds(run)
        print(f"store, {workers} worker(s):  {store[workers]:7.1f} clips/s")
    print(f"ratio {store[args.workers] / store[1]:.2f}")

    readers = {"PyAV": with_pyav, "decord": with_decord, "torchcodec": with_torchcodec}
    readers["only to open it and to know its frames"] = known
    for name, read in readers.items():
        try:
            read(files[0], how)
        except ImportError as error:
            print(f"{name}: skipped, it cannot be imported ({error})")
            continue
        speed = len(files) / seconds(lambda read=read: [read(file, how) for file in files])
        print(f"{name}, one thread: {speed:7.1f} clips/s")
    pairs = [(with_pyav(file, how).astype(int), with_decord(file, how)) for file in files]
    differ = np.array([np.abs(one - other).mean() for one, other in pairs])
    same = (differ == 0).sum()
    print(f"decord's pixels: PyAV's in {same} clips, {differ.mean():.2f} of 255 off on average")


if __name__ == "__main__":
    main()

"""Frames of a film by decord, a second decoder, for a store that is to be made with it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


def available() -> bool:
    """Whether decord is installed: it has wheels for Linux on x86-64 alone."""
    from importlib.util import find_spec

    return find_spec("decord") is not None


def frames_of(
    path: Path, n_frames: int, wanted: np.ndarray, scaled: tuple[int, int]
) -> np.ndarray | None:
    """The frames ``wanted`` of a film of ``n_frames``, scaled: uint8 (len(wanted), H, W, 3).

    None where decord counts other frames than there are, as in MPEG-4 with pictures that are not
    coded: there it may find the wrong ones. ``scaled`` is (H, W).
    """
    from decord import VideoReader

    # One thread: clips run in parallel.
    reader = VideoReader(os.path.abspath(path), num_threads=1, height=scaled[0], width=scaled[1])
    if len(reader) != n_frames:
        return None
    pictures: np.ndarray = reader.get_batch(wanted).asnumpy()
    return pictures

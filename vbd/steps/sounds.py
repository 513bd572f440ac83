"""Read the sound of the clips of a store, once, and put it beside them."""

import argparse
import json
from pathlib import Path

from vbd.data.sound_store import build_sound
from vbd.sections.data import Dataset


def main() -> None:
    """Read the sound of ``--clips`` from ``--root`` into ``--out`` and its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=json.loads, required=True, help='{"dataset": section}')
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the store")
    parser.add_argument("--root", type=Path, required=True, help="folder of the videos")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="sound.npy to write, beside it")
    args = parser.parse_args()
    # The workflow has to name its outputs, but readers of a store look for sound there alone.
    if args.out != args.clips.with_name("sound.npy"):
        parser.error(f"--out: the sound of {args.clips} is {args.clips.with_name('sound.npy')}")
    dataset = Dataset(**args.params["dataset"])
    build_sound(
        args.clips.parent,
        args.root,
        frames=dataset.frames,
        stride=dataset.stride,
        seconds=dataset.sound_seconds,
        workers=args.workers,
    )

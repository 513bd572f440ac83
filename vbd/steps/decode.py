"""Sample clips of a dataset, decode them once into the clip store, quarantine the bad ones."""

import argparse
import json
from pathlib import Path

import numpy as np

from vbd.data.build import build
from vbd.data.index import module, read
from vbd.data.sampling import sample
from vbd.sections import Dataset


def main() -> None:
    """Decode the clips that ``--params`` samples from ``--root`` into the store of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=json.loads, required=True, help='{"dataset": section}')
    parser.add_argument("--root", type=Path, required=True, help="folder of the files")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="clips.npy to write")
    args = parser.parse_args()
    dataset = Dataset(**args.params["dataset"])
    listing = read(dataset.reader, args.root, split=dataset.official_split)
    rows = sample(
        listing.rows,
        classes=dataset.classes,
        clips_per_class=dataset.clips_per_class,
        val=dataset.val,
        # The dataset's seed, not a cell's: all seeds are trained and tested on the same clips.
        rng=np.random.default_rng(dataset.seed),
    )
    build(
        rows,
        args.root,
        args.out.parent,
        frames=dataset.frames,
        stride=dataset.stride,
        views=dataset.views,
        size=dataset.store,
        workers=args.workers,
        pictures=getattr(module(dataset.reader), "pictures", None),
        # What the lists have and the folder has not is counted, never left out in silence.
        absent=listing.absent,
        unlisted=listing.unlisted,
    )

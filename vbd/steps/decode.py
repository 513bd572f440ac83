"""Sample clips of a dataset, decode them once into the clip store, quarantine the bad ones."""

import argparse
import json
from pathlib import Path

import numpy as np

from vbd.data.build import build
from vbd.data.index import module, read
from vbd.data.listing.account import tell
from vbd.data.sampling import draw
from vbd.data.video.by_decord import available
from vbd.sections.data import Dataset


def main() -> None:
    """Decode the clips that ``--params`` samples from ``--root`` into the store of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=json.loads, required=True, help='{"dataset": section}')
    parser.add_argument("--root", type=Path, required=True, help="folder of the files")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    asked = "the clips are only asked about: no class needs test clips, and one class will do"
    parser.add_argument("--pool", action="store_true", help=asked)
    parser.add_argument("--out", type=Path, required=True, help="clips.npy to write")
    args = parser.parse_args()
    dataset = Dataset(**args.params["dataset"])
    if dataset.decoder == "decord" and not available():
        parser.error(
            "decoder: decord is not installed, it has wheels for Linux on x86-64: use pyav"
        )
    listing = read(dataset.reader, args.root, split=dataset.official_split)
    try:
        drawn = draw(
            listing,
            classes=dataset.classes,
            clips_per_class=dataset.clips_per_class,
            val=dataset.val,
            # The dataset's seed, not a cell's: all seeds are trained and tested on the same clips.
            rng=np.random.default_rng(dataset.seed),
            pool=args.pool,
        )
    except ValueError:
        # What lies in the folder may show why.
        tell(listing, "listed")
        raise
    build(
        drawn.rows,
        args.root,
        args.out.parent,
        frames=dataset.frames,
        stride=dataset.stride,
        views=dataset.views,
        size=dataset.store,
        workers=args.workers,
        decoder=dataset.decoder,
        pictures=getattr(module(dataset.reader), "pictures", None),
        # What was found in the folder is counted to the last file, never left out in silence.
        listing=drawn,
        told=tell,
    )

"""Whether a single frame gives the class away: accuracy on clips, and on one frame repeated.

Near chance (10 %) on the repeated frame means that motion alone tells the embedded classes apart.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vbd.checking import load
from vbd.data.examples import Examples, examples
from vbd.data.store import ClipStore
from vbd.metrics import accuracy
from vbd.training import fit, predict
from vbd.victims.making import untrained


def freeze(moving: Examples) -> Examples:
    """The same clips with their middle frame in the place of every frame."""
    middle = moving.clips.shape[2] // 2
    still = np.repeat(moving.clips[:, :, middle : middle + 1], moving.clips.shape[2], axis=2)
    return replace(moving, clips=still)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--dataset", default="synthetic", help="name of a decoded dataset")
    parser.add_argument("--model", default="i3d", help="name of a model, trained from scratch")
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    config = load(args.params)
    crop = config.datasets[args.dataset].crop
    store = ClipStore.open(Path("results/data") / args.dataset)
    settings = config.training.model_copy(update={"epochs": args.epochs})
    for name, view in (("clips", lambda clips: clips), ("one frame", freeze)):
        train, test = (view(examples(store, split, crop=crop)) for split in ("train", "test"))
        model = untrained(config.models[args.model], len(store.class_names), None, seed=0)
        fit(model, train, settings, seed=0, resume=None)
        found = accuracy(predict(model, test, seed=0), test.labels)
        print(f"{name}: test accuracy {100 * found:.1f} % of {len(test)} clips", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

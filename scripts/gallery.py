"""Show what each attack does to a clip: one sheet of frames, and a looping GIF an attack."""

import argparse
import json
from pathlib import Path

import torch

from vbd.config import Attack, Dataset
from vbd.data.examples import examples
from vbd.data.store import ClipStore
from vbd.report import figures
from vbd.seeds import generator
from vbd.victims import Threat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sections = 'sections as JSON: {"dataset": section, "attacks": {name: section}}'
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    parser.add_argument("--sheet", type=Path, required=True, help="PNG to write")
    parser.add_argument("--loops", type=Path, required=True, help="folder of the GIFs")
    args = parser.parse_args()
    store = ClipStore.open(args.clips.parent)
    crop = Dataset(**args.params["dataset"]).crop
    test = examples(store, "test", crop=crop)
    shown = test.subset(torch.tensor([2 * len(test) // 3]))
    clean = next(shown.test_batches(1, generator(0), view=0))
    triggered = {}
    for name, section in args.params["attacks"].items():
        attack = Attack(**section)
        for mode in attack.modes:
            clip = Threat(attack, mode).trigger()(clean, generator(0, "gallery"))
            triggered[f"{name} {mode}"] = clip[0].numpy()
    figures.gallery(clean[0].numpy(), triggered, args.sheet)
    for name, clip in triggered.items():
        figures.loop(clean[0].numpy(), clip, args.loops / f"{name.replace(' ', '_')}.gif")


if __name__ == "__main__":
    main()

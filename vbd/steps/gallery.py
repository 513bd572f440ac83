"""Show what each attack does to a clip: one sheet of frames, and a looping GIF an attack."""

import argparse
import json
from pathlib import Path

import torch

from vbd.report import plotting
from vbd.report.figures import gallery


def main() -> None:
    """Draw every attack in ``--params`` on a test clip: to ``--sheet``, and below ``--loops``."""
    parser = argparse.ArgumentParser(description=__doc__)
    sections = 'sections as JSON: {"dataset": section, "attacks": {name: section}}'
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    parser.add_argument("--sheet", type=Path, required=True, help="PNG to write")
    parser.add_argument("--loops", type=Path, required=True, help="folder of the GIFs")
    args = parser.parse_args()
    test = gallery.cut(args.params, args.clips)
    # One clip for all triggers, so that they can be compared.
    clean = gallery.pixels(test.subset(torch.tensor([2 * len(test) // 3])))
    shown = {
        f"{attack} {mode}": clips[0].numpy()
        for attack, mode, _, clips in gallery.triggered(args.params, clean)
    }
    plotting.save(gallery.sheet(clean[0].numpy(), shown), args.sheet)
    for name, clip in shown.items():
        gallery.loop(clean[0].numpy(), clip, args.loops / f"{name.replace(' ', '_')}.gif")

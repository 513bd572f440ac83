"""Measure how visible each attack is: PSNR, SSIM and change in grey levels, as JSON."""

import argparse
import json
from pathlib import Path

import torch

from vbd.files import replacing
from vbd.metrics import stealth
from vbd.report import gallery

# Spread evenly over the test clips: more would change the means by little.
CLIPS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sections = 'sections as JSON: {"dataset": section, "attacks": {name: section}}'
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    parser.add_argument("--out", type=Path, required=True, help="stealth.json to write")
    args = parser.parse_args()
    test = gallery.cut(args.params, args.clips)
    count = min(CLIPS, len(test))
    clean = gallery.pixels(test.subset(torch.arange(count) * len(test) // count))
    rows = []
    for attack, mode, trigger, clips in gallery.triggered(args.params, clean):
        names = {"attack": attack, "mode": mode, "trigger": trigger}
        rows.append(names | stealth(clean, clips) | {"clips": count})
    with replacing(args.out) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

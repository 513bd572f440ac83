"""What a scan takes, against the plain loop: class after class, fixed rounds, no early stop.

The plain loop takes the published settings and 100 rounds over the trusted clips, a tenth of what
Wang et al. allow. Both are judged alike, so only the seconds should differ, not the verdict.
"""

import argparse
import time
from pathlib import Path

import torch

from vbd.checking import load
from vbd.data.trusted import clean_clips
from vbd.defenses.neural_cleanse import NeuralCleanse
from vbd.defenses.reconstruction import reconstruct
from vbd.defenses.recovered import judged
from vbd.models import checkpoints

PLAIN = {"rounds": 100, "stop": 100, "batch_size": 12, "together": 1, "confidence": 0.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="checkpoints (.safetensors)")
    parser.add_argument("--clips", type=Path, required=True, help="folder of the clip store")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--defense", default="neural_cleanse", help="its section in params.yaml")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cleanse = NeuralCleanse(**load(args.params).defenses[args.defense].params)
    for path in args.models:
        model, card = checkpoints.load(path)
        clean, _ = clean_clips(args.clips, card)
        classes, start = range(len(card["class_names"])), time.perf_counter()
        ours = cleanse.scan(model, clean, args.seed)
        between = time.perf_counter()
        steps = -(-len(clean) // PLAIN["batch_size"])
        found = reconstruct(model, clean, classes, seed=args.seed, steps=steps, **PLAIN)
        theirs, end = judged(found, ours.evidence), time.perf_counter()
        seconds = between - start, end - between
        print(path, "scan {:.1f} s, plain {:.1f} s".format(*seconds), end=" ")
        print(f"{seconds[1] / seconds[0]:.1f}x", end=" ")
        for name, scan in (("scan", ours), ("plain", theirs)):
            answer = f"class {scan.suspect}" if scan.detected else "nothing"
            print(f"{name}: {answer} ({scan.index[scan.suspect]:.2f})", end=" ")
        print(flush=True)


if __name__ == "__main__":
    main()

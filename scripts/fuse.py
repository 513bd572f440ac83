"""Fuse every video victim with every audio victim of a seed, in every way, and measure each."""

import argparse
from pathlib import Path

from vbd.fusion_steps import fuse_victims


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for side in ("video", "audio"):
        embeddings = f"embeddings of the {side} victims, the clean one too"
        parser.add_argument(f"--{side}", type=Path, nargs="+", required=True, help=embeddings)
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the results")
    parser.add_argument("--model", required=True, help="name of the pair, for the results")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    fuse_victims(
        args.video, args.audio, seed=args.seed, out=args.out, names=(args.dataset, args.model)
    )


if __name__ == "__main__":
    main()

"""Write the features and logits that one victim gives its clips, for fusion."""

import argparse
from pathlib import Path

from vbd.fusion_steps import embed_victim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    store = "clips.npy or sound.npy of the clip store, whichever the victim takes in"
    parser.add_argument("--clips", type=Path, required=True, help=store)
    stored = "the same with the trigger, for a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    parser.add_argument("--victim", type=Path, required=True, help="result.json of the victim")
    parser.add_argument("--out", type=Path, required=True, help="embeddings to write (.npz)")
    args = parser.parse_args()
    embed_victim(args.clips, args.triggered, args.victim, args.out)


if __name__ == "__main__":
    main()

"""Train a clean or poisoned victim from its settings, test it, and write model and result."""

import argparse
import json
from pathlib import Path

from vbd.training_steps import train_victim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sections = "sections dataset, model, training, evaluation and, to poison, attack, as JSON"
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    stored = "the same with the trigger, for a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    parser.add_argument("--weights", type=Path, nargs="?", help="file to start from, else scratch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--result", type=Path, required=True, help="result.json to write")
    for name in ("dataset", "model", "attack", "mode"):
        parser.add_argument(f"--{name}", help=f"name of the {name}, for the result")
    args = parser.parse_args()
    names = {name: getattr(args, name) for name in ("dataset", "model", "attack", "mode")}
    train_victim(
        args.params,
        clips=args.clips,
        triggered=args.triggered,
        weights=args.weights,
        seed=args.seed,
        out=args.result.parent,
        names=names,
    )


if __name__ == "__main__":
    main()

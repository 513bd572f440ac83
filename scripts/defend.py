"""Defend one victim and measure what the defence finds and costs."""

import argparse
import json
from pathlib import Path

from vbd.defense_steps import defend_victim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=json.loads, required=True, help='{"defense": section}')
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    stored = "the same with the trigger, for a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    parser.add_argument("--weights", type=Path, nargs="?", help="file that the victim started from")
    parser.add_argument("--victim", type=Path, required=True, help="result.json of the victim")
    parser.add_argument("--name", required=True, help="name of the defence, for the result")
    parser.add_argument("--result", type=Path, required=True, help="result.json to write")
    args = parser.parse_args()
    defend_victim(
        args.params,
        clips=args.clips,
        triggered=args.triggered,
        weights=args.weights,
        victim=args.victim,
        name=args.name,
        out=args.result.parent,
    )


if __name__ == "__main__":
    main()

"""Render the embedded clips: H.264/AAC files in UCF-101's own layout."""

import argparse
import json
from pathlib import Path

from vbd.data.synthetic import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=json.loads, required=True, help='{"render": section}')
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    args = parser.parse_args()
    render(args.out, workers=args.workers, **args.params["render"])


if __name__ == "__main__":
    main()

"""Draw the training curves of one model on a dataset, clean and attacked."""

import argparse
from collections import defaultdict
from pathlib import Path

from vbd import results
from vbd.report import figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="result.json files")
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    args = parser.parse_args()
    runs: dict[str, list[Path]] = defaultdict(list)
    for path in args.results:
        cell = results.read(path)
        name = f"{cell['attack']} {cell['mode']}" if cell["attack"] else "baseline"
        runs[name].append(path.with_name("curves.npz"))
    figures.curves(runs, args.out)


if __name__ == "__main__":
    main()

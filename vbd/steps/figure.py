"""Draw one figure from the results of its cells."""

import argparse
from pathlib import Path

from vbd.report import plotting
from vbd.report.cells import read
from vbd.report.contents import FIGURES


def main() -> None:
    """Draw the figure called ``--figure`` from ``--results`` to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", choices=sorted(FIGURES), required=True)
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="result.json files")
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    args = parser.parse_args()
    plotting.save(FIGURES[args.figure].make(read(args.results)), args.out)

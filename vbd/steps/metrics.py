"""Write the mean metrics of every cell of a dataset as one JSON, for `dvc metrics show`."""

import argparse
import json
from pathlib import Path

from vbd.files import replacing
from vbd.report import cells


def main() -> None:
    """Write the means of ``--results`` over seeds to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="result.json files")
    parser.add_argument("--out", type=Path, required=True, help="metrics.json to write")
    args = parser.parse_args()
    # DVC wants one file of plain numbers.
    metrics = cells.means(cells.read(args.results))
    with replacing(args.out) as temporary:
        temporary.write_text(json.dumps(metrics, indent=1) + "\n")

"""Write a few headline figures of each model of a dataset, a JSON each, for `dvc metrics show`."""

import argparse
import json
from pathlib import Path

from vbd.files import replacing
from vbd.report.cells import read
from vbd.report.headlines import headlines


def main() -> None:
    """Write those of ``--results`` to ``--out``/<model>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="result.json files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    args = parser.parse_args()
    # DVC shows a row a file, and of each file plain numbers.
    for model, figures in headlines(read(args.results)).items():
        with replacing(args.out / f"{model}.json") as temporary:
            temporary.write_text(json.dumps(figures, indent=1) + "\n")

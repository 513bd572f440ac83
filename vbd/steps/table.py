"""Write one table of a dataset, as csv, md and tex, from the results of its cells."""

import argparse
from pathlib import Path

from vbd.report import published, writing
from vbd.report.contents import TABLES


def main() -> None:
    """Make the table called ``--table`` from ``--results`` and write it to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=sorted(TABLES), required=True)
    results = "result.json files; the one stealth.json; folders of audiovisual results"
    parser.add_argument("--results", type=Path, nargs="+", required=True, help=results)
    dataset = "dataset of the published figures beside ours"
    parser.add_argument("--published", choices=published.NAMES, required=True, help=dataset)
    parser.add_argument("--out", type=Path, required=True, help="the csv; md and tex go beside it")
    args = parser.parse_args()
    table, notes = TABLES[args.table].make(args.results, args.published)
    writing.write(table, notes, args.out)

"""Write one table of a dataset, as csv, md and tex, from the results of its cells."""

import argparse
from pathlib import Path

from vbd.report import tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=sorted(tables.TABLES), required=True)
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="result.json files")
    published = "dataset of the published figures beside ours"
    parser.add_argument("--published", choices=("ucf101", "hmdb51"), help=published)
    parser.add_argument("--out", type=Path, required=True, help="the csv; md and tex go beside it")
    args = parser.parse_args()
    frame = tables.read(args.results)
    tables.write(*tables.TABLES[args.table](frame, args.published), args.out)


if __name__ == "__main__":
    main()

"""Write every cell of a dataset to one file, by which `vbd compare` compares runs."""

import argparse
from pathlib import Path

from vbd import results
from vbd.report import record
from vbd.report.long import long
from vbd.report.origin import origin


def main() -> None:
    """Write those in ``--results`` to ``--out``, with where they come from."""
    parser = argparse.ArgumentParser(description=__doc__)
    files = "result.json files, and folders of them"
    parser.add_argument("--results", type=Path, nargs="+", required=True, help=files)
    parser.add_argument("--configuration", required=True, help="name of the configuration")
    parser.add_argument("--command", required=True, help="the command that made the results")
    parser.add_argument("--out", type=Path, required=True, help="csv to write")
    args = parser.parse_args()
    found = [results.read(file) for path in args.results for file in _files(path)]
    told = {"configuration": args.configuration} | origin(found, args.command)
    record.write(long(found), told, args.out)


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("result.json"))

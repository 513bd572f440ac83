"""Render the embedded clips: H.264/AAC files in UCF-101's own layout."""

import argparse
import json
from pathlib import Path

from vbd.data.synthetic import render
from vbd.sections import Render


def main() -> None:
    """Render the clips that ``--params`` describes into ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    section = 'how, as in params.yaml: {"render": {"task": "object", "groups": 10}}'
    parser.add_argument("--params", type=json.loads, default={"render": {}}, help=section)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    args = parser.parse_args()
    # By the section, so that an unknown key is an error here too.
    how = Render(**args.params["render"])
    render(args.out, workers=args.workers, **how.model_dump())

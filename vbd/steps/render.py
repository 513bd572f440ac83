"""Render what is embedded: H.264/AAC clips in UCF-101's layout, or h5 faces in CSAW's."""

import argparse
import json
from pathlib import Path

from vbd.data import faces, synthetic
from vbd.sections import Faces, Render


def main() -> None:
    """Render the clips or faces that ``--params`` describes into ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    section = 'as in params.yaml: {"render": {"task": "object"}} or {"faces": {"identities": 40}}'
    parser.add_argument("--params", type=json.loads, default={"render": {}}, help=section)
    parser.add_argument("--workers", type=int, default=1, help="processes, for clips")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    args = parser.parse_args()
    # By the section, so that an unknown key is an error here too.
    if "faces" in args.params:
        faces.render(args.out, **Faces(**args.params["faces"]).model_dump())
    else:
        how = Render(**args.params["render"])
        synthetic.render(args.out, workers=args.workers, **how.model_dump())

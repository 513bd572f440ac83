"""Render what is embedded: H.264/AAC clips in UCF-101's layout, or h5 faces in CSAW's."""

import argparse
import json
import sys
from pathlib import Path

from pydantic import ValidationError

from vbd.data import faces, synthetic
from vbd.sections.data import Faces, Render


def main() -> None:
    """Render the clips or faces that ``--params`` describes into ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    section = 'as in params.yaml: {"render": {"task": "object"}} or {"faces": {"identities": 40}}'
    parser.add_argument("--params", type=json.loads, default={"render": {}}, help=section)
    parser.add_argument("--workers", type=int, default=1, help="processes, for clips")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    args = parser.parse_args()
    # By the section, so that an unknown key is an error here too.
    kind = "faces" if "faces" in args.params else "render"
    try:
        how = {"faces": Faces, "render": Render}[kind](**args.params.get(kind, {}))
    except ValidationError as error:
        # Mistakes of who calls it: each with its key, without a traceback.
        said = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        sys.exit(f"--params, {kind}: " + "; ".join(said))
    if isinstance(how, Faces):
        faces.render(args.out, **how.model_dump())
    else:
        synthetic.render(args.out, workers=args.workers, **how.model_dump())

"""Write the JSON schema of params.yaml, which editors use to complete and check it."""

import argparse
import json
from pathlib import Path

from vbd.config import Config


def text() -> str:
    """The schema as it stands in params.schema.json."""
    return json.dumps(Config.model_json_schema(), indent=1) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("params.schema.json"))
    parser.parse_args().out.write_text(text())

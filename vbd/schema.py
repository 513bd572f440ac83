"""Write the JSON schema of params.yaml, which editors use to complete and check it."""

import argparse
import ast
import inspect
import json
from itertools import pairwise
from pathlib import Path

from vbd import config, sections


def text() -> str:
    """The schema as it stands in params.schema.json."""
    schema = config.Config.model_json_schema()
    for name, part in (schema["$defs"] | {"Config": schema}).items():
        # A section inherits keys too.
        for section in reversed(_sections()[name].__mro__):
            for key, words in _described(section):
                part["properties"][key]["description"] = words
    return json.dumps(schema, indent=1) + "\n"


def _sections() -> dict[str, type]:
    return {**vars(sections), **vars(config)}


def _described(section: type) -> list[tuple[str, str]]:
    """Each key of a section of ours and the text below it."""
    if section.__module__ not in (sections.__name__, config.__name__):
        return []
    # The texts are no docstrings to Python, which drops them: only the source has them.
    (node,) = ast.parse(inspect.getsource(section)).body
    found = []
    for key, below in pairwise(node.body if isinstance(node, ast.ClassDef) else []):
        match key, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                found.append((name, inspect.cleandoc(words)))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("params.schema.json"))
    parser.parse_args().out.write_text(text())

"""Write the JSON schema of params.yaml, which editors use to complete and check it."""

import argparse
import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from vbd.config import Config
from vbd.sections.base import Section


def text() -> str:
    """The schema as it stands in params.schema.json."""
    schema = Config.model_json_schema()
    parts = schema["$defs"] | {"Config": schema}
    for section in _below(Section):
        # A section inherits keys too.
        for base in reversed(section.__mro__):
            for key, words in _described(base):
                parts[section.__name__]["properties"][key]["description"] = words
    return json.dumps(schema, indent=1) + "\n"


def _below(section: type[Section]) -> Iterator[type[Section]]:
    """The sections of params.yaml: all classes that inherit from ``section``."""
    for part in section.__subclasses__():
        yield part
        yield from _below(part)


def _described(section: type) -> list[tuple[str, str]]:
    """Each key of a section of ours and the text below it."""
    if not issubclass(section, Section):
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

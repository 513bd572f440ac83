"""Which file states a key: params.yaml, an overlay of it, or the command line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vbd.mistakes import ConfigError, Mistake

if TYPE_CHECKING:
    from yaml import Node

LINE = "--config"
"""What stands in for a file where the command line states a key."""


class Stated:
    """What the ``files`` and the command ``line`` state, each over those before it.

    Raises ConfigError for a file that is no YAML, or that has a key twice, with the lines.
    """

    def __init__(self, files: Sequence[Path], line: Mapping[str, Any] | None = None) -> None:
        self.parts = [(_shown(path), read(path)) for path in files if path.exists()]
        self.parts.append((LINE, dict(line or {})))

    def file_of(self, key: str) -> str:
        """The last file that states ``key``, or as much of its path as any does."""
        there: Sequence[tuple[str, Any]] = self.parts
        # Of a key that is nowhere, the whole.
        found = self.parts[0][0]
        for part in key.split("."):
            there = [(file, _inside(value, part)) for file, value in there if _has(value, part)]
            if not there:
                break
            # Dictionaries are merged; what is none stands in the place of all before it.
            own = [place for place, (_, value) in enumerate(there) if not isinstance(value, dict)]
            there = there[own[-1] if own else 0 :]
            found = there[-1][0]
        return found

    def told(self, mistakes: Sequence[Mistake]) -> str:
        """All ``mistakes``, by file."""
        by_file: dict[str, list[str]] = {}
        for one in mistakes:
            by_file.setdefault(self.file_of(one.key), []).append(f"  {one}")
        return "\n".join(f"{file}:\n" + "\n".join(lines) for file, lines in by_file.items())


def read(path: Path) -> dict[str, Any]:
    """The YAML or JSON in ``path``. Raises ConfigError, with the line, for what is neither."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_bytes())
    try:
        node = loader.get_single_node()
        twice = list(dict.fromkeys(_twins(node, set())))
        values = loader.construct_document(node) if node is not None and not twice else None
    except yaml.YAMLError as error:
        values, twice = _json(path), [f"is no YAML: {_place(error)}"]
        if values is not None:
            return values
    finally:
        loader.dispose()
    if twice:
        raise ConfigError(f"{_shown(path)}:\n" + "\n".join(f"  {text}" for text in twice))
    if not isinstance(values, dict):
        raise ConfigError(f"{_shown(path)}:\n  has no keys: `key: value` is needed on each line")
    return values


def _twins(node: "Node | None", seen: set[int]) -> list[str]:
    """What is said of each key that a dictionary in ``node`` has twice."""
    # An alias is the node itself once more.
    if node is None or id(node) in seen:
        return []
    seen.add(id(node))
    if not isinstance(node.value, list):
        return []
    found: list[str] = []
    lines: dict[str, int] = {}
    for part in node.value:
        if not isinstance(part, tuple):
            found += _twins(part, seen)
            continue
        key, value = part
        line = key.start_mark.line + 1
        # Merges may be several.
        if isinstance(key.value, str) and key.value != "<<":
            if key.value in lines:
                first = lines[key.value]
                found.append(f"line {line}: {key.value} stands in line {first} too: keep one")
            lines.setdefault(key.value, line)
        found += _twins(value, seen)
    return found


def _place(error: Exception) -> str:
    """What the parser found, and in which line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark else problem


def _json(path: Path) -> dict[str, Any] | None:
    """The same as JSON, which may be indented with tabs; None where it is none."""
    try:
        return json.loads(path.read_text())
    except ValueError:
        return None


def _has(value: object, part: str) -> bool:
    if isinstance(value, list):
        return part.isdigit() and int(part) < len(value)
    return isinstance(value, dict) and part in map(str, value)


def _inside(value: Any, part: str) -> Any:
    if isinstance(value, list):
        return value[int(part)]
    return next(inner for key, inner in value.items() if str(key) == part)


def _shown(path: Path) -> str:
    """The path from here, where it lies here."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

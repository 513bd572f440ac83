"""Mistakes made from a schema: of every key a misspelt one, wrong types, and what is too much."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from vbd.settings import kinds, settings_of

WRONG: dict[str, list[Any]] = {
    "integer": ["many", 1.5, [1], {"a": 1}, True, float("inf"), "1e-1"],
    "number": ["much", [1.0], {"a": 1}, True, float("nan"), float("-inf")],
    "string": [1, [], {"a": "b"}, True],
    "boolean": ["perhaps", 3, [True]],
    "array": ["text", 3, {"a": 1}],
    "object": ["text", 3, [1]],
}


class Case(NamedTuple):
    """A ``value`` that cannot stand at ``path``; ``kind`` is why."""

    kind: str
    path: tuple[str | int, ...]
    value: Any

    @property
    def key(self) -> str:
        """The path with dots."""
        return ".".join(map(str, self.path))

    def within(self, *path: str | int) -> "Case":
        """The same, of a section at ``path``."""
        return self._replace(path=(*path, *self.path))

    def put(self, values: Any) -> Any:
        """A copy of ``values`` with the mistake."""
        values = there = copy.deepcopy(values)
        for part in self.path[:-1]:
            there = there.setdefault(part, {}) if isinstance(there, dict) else there[part]
        there[self.path[-1]] = self.value
        return values


def of_schema(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[Case]:
    """What cannot stand where ``schema``, a part of ``whole``, describes what can."""
    for value in _out_of_range(schema, whole):
        yield Case("range", (), value)
    types = {kind for branch in _branches(schema, whole) for kind in _types(branch)}
    for value in WRONG[min(types)] if len(types) == 1 else [{"such": {"no": 1}}]:
        yield Case("type", (), value)


def of_section(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[Case]:
    """What cannot stand in a section: by its keys, and by those of sections in it."""
    names = list(schema["properties"])
    for name in names:
        yield Case("unknown", (misspelt(name, names),), 1)
        part = schema["properties"][name]
        yield from (case.within(name) for case in of_schema(part, whole))
        inner = next((b for b in _branches(part, whole) if "properties" in b), None)
        if inner is not None:
            yield from (case.within(name) for case in of_section(inner, whole))


def of_class(
    takes: Callable[..., Any], first: int = 0, given: tuple[str, ...] = ()
) -> Iterator[Case]:
    """What cannot stand in the ``params`` of a class."""
    settings, _ = settings_of(takes, first=first, given=given)
    for name in settings:
        yield Case("unknown", (misspelt(name, list(settings)),), 1)
        if (kind := kinds(takes).get(name)) is not None:
            schema = kind.json_schema()
            yield from (case.within(name) for case in of_schema(schema, schema))


def misspelt(name: str, names: list[str]) -> str:
    """A name with two letters exchanged, as one types it, that is none of ``names``."""
    found = name[:-2] + name[-1] + name[-2] if len(name) > 2 else f"{name}{name}"
    return found if found not in names and found != name else f"{name}s"


def _out_of_range(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[Any]:
    branches = list(_branches(schema, whole))
    if len(branches) > 1:
        return
    (schema,) = branches
    whole_number = schema.get("type") == "integer"
    if "minimum" in schema:
        yield schema["minimum"] - (1 if whole_number else 0.5)
    if "maximum" in schema:
        yield schema["maximum"] + (1 if whole_number else 0.5)
    if "exclusiveMinimum" in schema:
        yield schema["exclusiveMinimum"]
        yield schema["exclusiveMinimum"] - 1
    if "exclusiveMaximum" in schema:
        yield schema["exclusiveMaximum"]
    if "enum" in schema or "const" in schema:
        yield "none_of_these"
    if "pattern" in schema:
        yield "My Own"
    if schema.get("minItems"):
        yield []
    items = schema.get("items") or next(iter(schema.get("prefixItems", [])), None)
    if isinstance(items, dict):
        number = len(schema.get("prefixItems", [1]))
        for value in _out_of_range(items, whole):
            yield [value] * number


def _branches(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a schema allows, None apart."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    for branch in schema.get("anyOf", [schema]):
        if "$ref" in branch:
            yield from _branches(branch, whole)
        elif branch.get("type") != "null":
            yield branch


def _types(schema: dict[str, Any]) -> list[str]:
    if "enum" in schema or "const" in schema:
        return ["integer" if isinstance(schema.get("enum", [""])[0], int) else "string"]
    return [schema["type"]] if "type" in schema else list(WRONG)

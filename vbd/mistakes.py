"""Mistakes in what a user has written: the key, and words that say the remedy."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import ErrorDetails

# Pydantic's words for a type, and YAML's.
WORDS = {
    "a valid array": "a list, [...]",
    "a valid boolean": "true or false",
    "a valid dictionary": "a dictionary, {...}",
    "a valid integer": "a whole number",
    "a valid list": "a list, [...]",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid tuple": "a list, [...]",
    "an object": "a dictionary, {...}",
}


class ConfigError(ValueError):
    """A ``params.yaml`` that cannot be run; the message names each key and its remedy."""


class Mistake(NamedTuple):
    """What cannot be: the path of its ``key``, with dots, and a ``text`` that says the remedy.

    ``absent``: nothing is wrong but that a file or a package is not here, so all can be planned.
    """

    key: str
    text: str
    absent: bool = False

    def under(self, key: str) -> "Mistake":
        """The same as seen from the section ``key``."""
        return self._replace(key=f"{key}.{self.key}" if self.key else key)

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


def suggest(name: str, there: Sequence[str]) -> str:
    """The remedy for a ``name`` that is not ``there``."""
    close = difflib.get_close_matches(name, there, 1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"There is: {', '.join(there)}." if there else "There is none."


def explained(errors: Sequence[ErrorDetails], value: Any) -> list[Mistake]:
    """What pydantic has found in ``value``, in words for who wrote it; one for each key."""
    found: dict[str, list[str]] = {}
    for error in errors:
        key, wrong = _place(error, value)
        several: list[Mistake] = error["ctx"]["all"] if error["type"] == "settings" else []
        for one in several or [Mistake("", _said(error, wrong))]:
            there = one.under(key) if key else one
            found.setdefault(there.key, []).append(there.text)
    return [Mistake(key, _joined(list(dict.fromkeys(texts)))) for key, texts in found.items()]


def _place(error: ErrorDetails, value: Any) -> tuple[str, Any]:
    """The key in ``value`` that an error is about, and what stands there."""
    path = []
    for part in error["loc"]:
        # Pydantic names the branch of a union too, and that is no key.
        keyed = isinstance(value, Mapping) and part in value
        listed = isinstance(value, list | tuple) and part in range(len(value))
        if keyed or listed:
            path.append(str(part))
            value = value[part]
        elif error["type"] == "missing" and isinstance(value, Mapping):
            path.append(str(part))
    return ".".join(path), value


def _said(error: ErrorDetails, value: Any) -> str:
    shown = repr(value) if len(repr(value)) < 60 else f"{repr(value)[:57]}..."
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{shown} has too few values" if isinstance(value, list | tuple) else "is missing"
    if error["type"] == "string_pattern_mismatch":
        return f"{shown}: a name has small letters, digits and _ alone"
    if not message.startswith("Input should be"):
        return f"{shown}: {message}"
    if isinstance(value, str) and (number := _number(value)):
        return f"{shown} is text: write {number}"
    asked, comma, more = message.removeprefix("Input should be ").partition(", ")
    asked = asked.partition(" or instance of ")[0]
    return f"{shown} should be {WORDS.get(asked, f'{asked}{comma}{more}')}"


def _number(text: str) -> str | None:
    """How YAML has the number in ``text``, which it takes for text as it stands."""
    try:
        number = float(text)
    except ValueError:
        return None
    shown = repr(number).removesuffix(".0")
    return shown.replace("e", ".0e") if "e" in shown and "." not in shown else shown


def _joined(texts: list[str]) -> str:
    """One sentence of what each branch of a union asks for."""
    first, *more = texts
    branches = [text.partition(" should be ")[2] or text for text in more]
    return ", or ".join([first, *branches])

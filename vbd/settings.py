"""What a class takes: names, types and ranges of its settings, from its own signature."""

import functools
import inspect
import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, get_type_hints

from pydantic import ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from vbd.mistakes import Mistake, explained, suggest


def mistakes(
    takes: Callable[..., Any],
    stated: Mapping[str, Any],
    *,
    given: Collection[str] = (),
    first: int = 0,
) -> list[Mistake]:
    """What of the settings ``stated`` the class or function ``takes`` does not take.

    Names, what is missing and, where parameters are annotated, types and ranges. The ``first``
    positional arguments, and those that are called as in ``given``, the caller gives itself.
    """
    named, any_other = settings_of(takes, given=given, first=first)
    unknown = [n for n in stated if n not in named and (n in given or not any_other)]
    found = [Mistake(name, f"unknown key. {suggest(name, list(named))}") for name in unknown]
    found += [
        Mistake(name, "is missing, and the class has no default for it")
        for name, one in named.items()
        if one.default is one.empty and name not in stated
    ]
    known = {
        name: value
        for name, value in stated.items()
        # `width: int = None` is common, and means what it says.
        if name in named and not (value is None and named[name].default is None)
    }
    return found + list(_wrong(takes, known))


def settings_of(
    takes: Callable[..., Any], *, given: Collection[str] = (), first: int = 0
) -> tuple[dict[str, inspect.Parameter], bool]:
    """The parameters that are settings, as ``mistakes`` has them, and whether it takes any other.

    Of what is not written in Python nobody knows, and so it may take anything.
    """
    try:
        parameters = list(inspect.signature(takes).parameters.values())
    except (TypeError, ValueError):
        return {}, True
    named = {
        one.name: one
        for one in parameters[first:]
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) and one.name not in given
    }
    return named, any(one.kind is one.VAR_KEYWORD for one in parameters)


class Checked:
    """Base of the methods: what is given to their constructors by name is checked first.

    By the annotations, as ``mistakes`` does: so ``Annotated[float, Field(ge=0)]`` is all that a
    range needs. Raises ValueError that names the parameter.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            type.__setattr__(cls, "__init__", _checking(vars(cls)["__init__"]))


def _checking(constructor: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(constructor)
    def checking(self: object, /, *args: Any, **stated: Any) -> None:
        if wrong := list(_wrong(constructor, stated)):
            raise ValueError("; ".join(map(str, wrong)))
        constructor(self, *args, **stated)

    return checking


class SettingsOf:
    """Annotation of a dictionary: the settings of a class or function, the ``given`` ones apart."""

    def __init__(
        self, takes: Callable[..., Any], *, first: int = 0, given: Collection[str] = ()
    ) -> None:
        self.takes, self.first, self.given = takes, first, given

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, stated: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if stated and (found := mistakes(self.takes, stated, first=self.first, given=self.given)):
            raise PydanticCustomError("settings", "{text}", {"text": str(found[0]), "all": found})
        return stated


def no_settings(value: object) -> Iterator[Mistake]:
    """What in a ``value`` of a file can be no setting: .inf, NaN, dates, keys that are no text."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if isinstance(key, str):
                yield from (found.under(key) for found in no_settings(part))
            else:
                yield Mistake(str(key), "a key is text: put it in quotes")
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from (found.under(str(place)) for found in no_settings(part))
    elif isinstance(value, float) and not math.isfinite(value):
        yield Mistake("", f"{value} is no number that can be computed with")
    elif not isinstance(value, str | int | float | None):
        yield Mistake("", f"{value!r} is a {type(value).__name__}: put it in quotes if it is text")


def _wrong(takes: Callable[..., Any], values: Mapping[str, Any]) -> Iterator[Mistake]:
    """What of ``values`` is not of the type or range that its annotation states."""
    stated = kinds(takes)
    for name, value in values.items():
        if (kind := stated.get(name)) is not None:
            try:
                _validate(kind, value)
            except ValidationError as error:
                yield from (found.under(name) for found in explained(error.errors(), value))


@functools.cache
def kinds(takes: Callable[..., Any]) -> dict[str, TypeAdapter[Any] | None]:
    """The annotations of what a class or function takes; None is one that says nothing here."""
    stated = inspect.unwrap(getattr(takes, "__init__", takes) if isinstance(takes, type) else takes)
    names, found = getattr(stated, "__globals__", {}), {}
    for name, hint in getattr(stated, "__annotations__", {}).items():
        # One at a time: a file may import the name of one for type checkers alone.
        one = SimpleNamespace(__annotations__={name: hint})
        try:
            found[name] = _adapter(get_type_hints(one, names, include_extras=True)[name])
        except (NameError, TypeError, AttributeError):
            found[name] = None
    return found


def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    how = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        return TypeAdapter(hint, config=how)
    # Also for a model or a dataclass, which says itself what it takes.
    except (PydanticUserError, TypeError):
        return None


def _validate(kind: TypeAdapter[Any], value: Any) -> None:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        # What only Python can say, such as an array.
        kind.validate_python(value)
    else:
        # As a step gets it: a list does for a tuple, and text or 2.0 not for a whole number.
        kind.validate_json(text, strict=True)

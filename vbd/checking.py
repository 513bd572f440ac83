"""A configuration is checked: all that is wrong is told at once, with the key and the remedy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vbd.config import Config
from vbd.fitting import misfits
from vbd.mistakes import ConfigError, Mistake, explained, suggest
from vbd.sections.base import Section
from vbd.settings import no_settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from vbd.stated import Stated


def check(values: dict[str, Any], stated: "Stated | None" = None) -> Config:
    """The configuration in ``values``; raises ConfigError that names every key and its remedy.

    ``stated`` knows the files that they are from.
    """
    found = list(no_settings(values))
    if not found:
        try:
            config = Config.model_validate(values)
        except ValidationError as error:
            # All that pydantic has found, not the first alone.
            found = _explained(error.errors(), values)
        else:
            found = list(misfits(config))
    if found:
        raise refusal(found, stated)
    return config


def refusal(found: list[Mistake], stated: "Stated | None" = None) -> ConfigError:
    """The error that tells all mistakes that were ``found``, by the file that each stands in."""
    if stated is not None:
        return ConfigError(stated.told(found))
    return ConfigError("params.yaml:\n" + "\n".join(f"  {one}" for one in found))


def _explained(errors: list["ErrorDetails"], values: dict[str, Any]) -> list[Mistake]:
    found = []
    for error in errors:
        # With this pydantic marks that the name of an entry is wrong, not what stands under it.
        path = [str(part) for part in error["loc"] if part != "[key]"]
        if error["type"] == "extra_forbidden":
            known = list(_section_at(path[:-1]).model_fields)
            text = f"unknown key. {suggest(path[-1], known)}"
            found.append(Mistake(".".join(path), text))
        elif "[key]" in error["loc"]:
            named = error["type"].startswith("string")
            text = "a name has small letters, digits and _, 64 at the most"
            found.append(Mistake(".".join(path), text if named else error["msg"]))
        elif not path:
            # The checks of ``Config`` begin with the key.
            key, _, text = error["msg"].removeprefix("Value error, ").partition(": ")
            found.append(Mistake(key, text))
    plain = [e for e in errors if e["loc"] and "[key]" not in e["loc"]]
    return found + explained([e for e in plain if e["type"] != "extra_forbidden"], values)


def _section_at(path: list[str]) -> type[Section]:
    """The model of the section at ``path``, through lists and dictionaries of sections."""
    section: Any = Config
    for part in path:
        if part in section.model_fields:
            found = section.model_fields[part].annotation
            inner = [a for a in getattr(found, "__args__", ()) if hasattr(a, "model_fields")]
            section = inner[0] if inner else found
    return section


def load(path: Path) -> Config:
    """The configuration in the YAML file at ``path``; raises ConfigError as ``check`` does."""
    from vbd.stated import Stated, read

    return check(read(path), Stated([path]))

"""Finding a method by its name: ours by its file, a user's own as "package.module:Class"."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vbd.mistakes import suggest


def names(package: str) -> list[str]:
    """The methods in ``package`` (say "vbd.triggers"): its files that define ``METHOD``.

    Raises ValueError where that is no package.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{package} is no package with files of methods")
    folder = Path(spec.submodule_search_locations[0])
    # Read, not imported: that would load the libraries of every method.
    return sorted(file.stem for file in folder.glob("*.py") if "\nMETHOD = " in file.read_text())


def load(package: str, name: str) -> Any:
    """The class that ``name`` stands for; only its own file is imported.

    Raises ValueError where there is no such method, with the names that there are.
    """
    module, _, attribute = name.partition(":")
    if attribute:
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            # An import inside the user's module may be what fails: the message keeps it.
            raise ValueError(f"{name!r} cannot be loaded: {error}") from error
    if name in names(package):
        return import_module(f"{package}.{name}").METHOD
    raise ValueError(
        f"{package} has no {name!r}. {suggest(name, names(package))} "
        'Your own is named "package.module:Class" and must be importable from here.'
    )

"""The trial in a process of its own, and its verdict kept until something that it saw changes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import vbd
from vbd.config import Config
from vbd.files import replacing
from vbd.mistakes import ConfigError, Mistake

KEPT = Path(".snakemake/tried")
"""A file for each configuration, of what was seen when it passed."""


def tried(config: Config, changes: Callable[[Path], str]) -> list[Mistake]:
    """What is wrong with the classes and the files that ``config`` names; nothing runs twice.

    ``changes`` tells that the files of a dataset have changed. The trial itself imports torch,
    which takes seconds: after one that found nothing it is asked again only for another
    configuration, other code or other files. Raises ConfigError where it fails itself.
    """
    kept, seen = KEPT / config.configuration, _seen(config, changes)
    if kept.is_file() and kept.read_text() == seen:
        return []
    print("trying what params.yaml names ...", file=sys.stderr, flush=True)
    # It runs as the steps do: this folder comes first.
    path = os.pathsep.join(filter(None, ("", os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "vbd.trial"],
        input=config.model_dump_json(exclude_unset=True),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    if done.returncode:
        raise ConfigError(
            f"params.yaml could not be tried, its process ended with {done.returncode}. Does a "
            f"class of your own end it?\n{done.stderr[-2000:]}"
        )
    found = [Mistake(*one) for one in json.loads(done.stdout)]
    if not found:
        KEPT.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as part:
            part.write_text(seen)
    return found


def _seen(config: Config, changes: Callable[[Path], str]) -> str:
    """A hash of all that the verdict depends on."""
    found = sha256(config.model_dump_json().encode())
    for file in sorted(Path(vbd.__file__).parent.rglob("*.py")):
        found.update(_state(file).encode())
    for text in _texts(config):
        # Which of them name a file, nobody knows: most do not.
        found.update(f"{text} {_state(Path(text))}".encode())
    for dataset in config.datasets.values():
        if not dataset.embedded and dataset.root is not None and Path(dataset.root).exists():
            found.update(changes(Path(dataset.root)).encode())
    return found.hexdigest()


def _texts(config: Config) -> Iterator[str]:
    """What may be a path: ``init``, texts in ``params``, and the files of a user's classes."""
    named = [model.architecture for model in config.models.values()]
    for attack in config.attacks.values():
        named += [attack.trigger, *(part.trigger for part in attack.also)]
    named += [section.defense for section in config.defenses.values()]
    named += [section.method for section in config.transfers.values()]
    for name in named:
        if ":" in name:
            yield _origin(name.partition(":")[0])
    for model in config.models.values():
        yield model.init
    for kind in (config.models, config.attacks, config.defenses, config.transfers):
        for section in kind.values():
            # With the params of further triggers.
            yield from _inside(section.model_dump(include={"params", "also"}))


def _inside(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        yield from _inside(part)


def _origin(module: str) -> str:
    """The file of a user's module; nothing where there is none, which the trial tells."""
    try:
        spec = find_spec(module)
    # To find a module its packages are imported, and these are anybody's.
    except Exception:
        return ""
    return (spec.origin if spec else None) or ""


def _state(path: Path) -> str:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return f"{path} absent"
    return f"{path} {found.st_size} {found.st_mtime_ns}"

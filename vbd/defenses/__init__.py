"""Backdoor defences, one file each; ``get("strip")()`` makes one."""

from vbd.defenses.base import Defense
from vbd.plugins import load


def get(name: str) -> type[Defense]:
    """The defence class called ``name`` here, or a user's own, "package.module:Class".

    Raises ValueError where there is none, with the names that there are.
    """
    return load("vbd.defenses", name)

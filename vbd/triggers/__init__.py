"""Backdoor triggers, one file each; ``get("badnet")(mode="dynamic")`` makes one."""

from vbd.plugins import load
from vbd.triggers.base import Trigger


def get(name: str) -> type[Trigger]:
    """The trigger class called ``name`` here, or a user's own, "package.module:Class".

    Raises ValueError for an unknown name.
    """
    return load("vbd.triggers", name)

"""Model extraction: a thief asks a victim through an oracle and trains a clone on the answers."""

from vbd.extraction.base import Method
from vbd.plugins import load


def get(name: str) -> type[Method]:
    """The method called ``name`` here, or a user's own, "package.module:Class".

    Raises ValueError where there is none, with the names that there are.
    """
    return load("vbd.extraction", name)

"""Video architectures, one file each; ``build("i3d", 10, width=16)`` makes one."""

from typing import Any

from torch import nn

from vbd.plugins import load


def build(architecture: str, num_classes: int, **params: Any) -> nn.Module:
    """A model of ours by its name, or a user's own class, "package.module:Class".

    A user's class is made with (num_classes, **params), takes uint8 pixels (N, T, H, W, 3) and
    gives logits (N, classes). Defences that look inside use ``features``, see ``models.base``.
    Raises ValueError for an unknown name.
    """
    # By the name of its file: a new architecture needs no entry in any list.
    return load("vbd.models", architecture)(num_classes, **params)

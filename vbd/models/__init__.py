"""Video architectures, one file each; ``build("i3d", 10, width=16)`` makes one."""

from typing import Any

from torch import nn

from vbd.models.base import VideoClassifier
from vbd.plugins import load
from vbd.ranges import Count


def build(
    architecture: str, num_classes: int, *, takes: tuple[Count, Count] | None = None, **params: Any
) -> nn.Module:
    """A model of ours by its name, or a user's own class, "package.module:Class".

    A user's class is made with (num_classes, **params), takes uint8 pixels (N, T, H, W, 3) and
    gives logits (N, classes). Defences that look inside use ``features``, see ``models.base``.
    ``takes``: frames and side of what a video model of ours goes in with, see ``models.base``.
    Raises ValueError for an unknown name, or ``takes`` where it is none of these.
    """
    # By the name of its file: a new architecture needs no entry in any list.
    model = load("vbd.models", architecture)(num_classes, **params)
    if takes is not None:
        if not isinstance(model, VideoClassifier):
            raise ValueError(
                f"takes: {architecture} is no video model of ours, it takes clips whole"
            )
        model.takes = takes[0], takes[1]
    return model

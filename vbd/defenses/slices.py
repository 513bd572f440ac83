"""Passes through a model in slices of classes and clips that fit into memory."""

from collections.abc import Iterator
from math import prod

from torch import Size

# Of clips in one pass: of 16 frames of 32 px 240 of them, of 32 frames of 224 px two.
PIXELS = 4_000_000


def slices(classes: int, clips: Size) -> Iterator[tuple[slice, slice]]:
    """Slices of ``classes`` and of ``clips`` (B, T, H, W, 3) whose product is one pass.

    As many classes at a time as all clips of them fit, or some clips of one. What is summed over
    them is the same whatever the slices are.
    """
    most = max(1, PIXELS // prod(clips[1:4]))
    few = max(1, most // clips[0])
    for first in range(0, classes, few):
        for start in range(0, clips[0], most):
            yield slice(first, first + few), slice(start, start + most)

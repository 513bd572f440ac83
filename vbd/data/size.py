"""The size of a window: its side, or its height and width."""

from collections.abc import Sequence

Size = int | Sequence[int]


def sides(size: Size) -> tuple[int, int]:
    """Height and width of a window of ``size``, in pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width

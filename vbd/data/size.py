"""The size of a window, its side or its height and width, and that of an image of a face."""

from collections.abc import Sequence

Size = int | Sequence[int]
FACE = (55, 47)  # height and width of the images of CSAW-HackML-2020


def sides(size: Size) -> tuple[int, int]:
    """Height and width of a window of ``size``, in pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width

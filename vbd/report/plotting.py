"""What all figures share: a sheet of small panels, and the way to the file."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vbd.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def panels(
    count: int, *, size: tuple[float, float], columns: int = 5, **options: Any
) -> tuple["Figure", list["Axes"]]:
    """A figure and its ``count`` axes, row by row; ``size`` of each in inches.

    ``options`` are those of ``Figure.subplots``.
    """
    # Not pyplot, which keeps every figure until it is told not to.
    from matplotlib.figure import Figure

    columns = min(count, columns)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options).flatten()
    for spare in axes[count:]:
        spare.remove()
    # Of a shared axis the last row alone is labelled; above a gap in it nothing would be.
    for lowest in axes[count - columns : count]:
        lowest.tick_params(labelbottom=True)
    return figure, list(axes[:count])


def on_grey(mask: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """A trigger on grey, uint8 (H, W, 3): black and white are colours of patterns.

    ``mask`` (H, W, 1) in 0-1, ``pattern`` (H, W, 3) in 0-255.
    """
    return (128 + mask * (pattern - 128.0)).round().astype(np.uint8)


def save(figure: "Figure", out: Path) -> None:
    """Write ``figure`` to ``out`` (.png), whole or not at all."""
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=140)

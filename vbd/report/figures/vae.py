"""Figure of the VAE detector: triggered frames, what it makes of them, and where it errs."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vbd.report.cells import names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROWS = ("triggered", "restored", "error", "error, clean")
# So many attacks stand side by side; of more, the rest goes below.
_WIDEST = 7


def restored(frame: pd.DataFrame) -> "Figure":
    """A column an attack, its first seed; the errors of all are on one scale."""
    from matplotlib.figure import Figure

    frame = frame[frame["method"] == "vae"]
    frame = frame.assign(name=names(frame, "model", "defense").str.replace(" ", "\n"))
    firsts = frame.loc[frame.groupby("name", sort=False)["seed"].idxmin()]
    bands = math.ceil(len(firsts) / _WIDEST)
    width = math.ceil(len(firsts) / bands)
    size = (1.3 * width + 0.5, bands * (1.3 * len(_ROWS) + 0.5))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(bands * len(_ROWS), width, squeeze=False)
    # Bands of rows, then columns: the next band goes on where the one above ends.
    columns = grid.reshape(bands, len(_ROWS), width).swapaxes(1, 2).reshape(-1, len(_ROWS))
    arrays = [dict(np.load(path.with_name("scores.npz"))) for path in firsts["path"]]
    # A few pixels must not darken all the others.
    brightest = max(float(np.quantile(found["errors"], 0.995)) for found in arrays)
    for axes, (_, cell), found in zip(columns, firsts.iterrows(), arrays, strict=False):
        clean, marked = found["errors"]
        axes[0].imshow(found["shown"][1])
        axes[1].imshow(found["restored"][1])
        for axis, error in zip(axes[2:], (marked, clean), strict=True):
            axis.imshow(error, cmap="inferno", vmin=0, vmax=brightest)
        axes[0].set_title(f"{cell['name']}\nAUROC {cell['auroc_mean']:.0f}", fontsize=8)
    for axis in grid.flatten():
        axis.set(xticks=[], yticks=[])
        axis.axis("on" if axis.images else "off")
    for row, axis in enumerate(grid[:, 0]):
        axis.set_ylabel(_ROWS[row % len(_ROWS)], fontsize=8)
    return figure

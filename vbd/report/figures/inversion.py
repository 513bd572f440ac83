"""Figure of trigger inversion: a clip before and behind the function that was found of a victim."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vbd.report.cells import names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROWS = ("clip", "behind it", "function")
_SIDE = 1.3  # of a picture, in inches


def inversions(frame: pd.DataFrame) -> "Figure":
    """A column a victim of which something was found, its first seed.

    Above the middle frame of a clean clip, below it the same behind the function, and the function.
    """
    from matplotlib.figure import Figure

    frame = frame[frame["method"] == "trigger_inversion"]
    frame = frame.assign(name=names(frame, "model", "defense").str.replace(" ", "\n"))
    firsts = frame.loc[frame.groupby("name", sort=False)["seed"].idxmin()]
    found = firsts[firsts["detected"] > 0]
    columns = max(1, len(found))
    size = (_SIDE * max(columns, 2) + 0.4, 3 * _SIDE + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(3, columns, squeeze=False)
    for axis, label in zip(grid[:, 0], _ROWS, strict=True):
        axis.set_ylabel(label, fontsize=8)
    for axis in grid.flatten():
        axis.set(xticks=[], yticks=[])
    for column, (_, cell) in zip(grid.T, found.iterrows(), strict=False):
        _column(column, cell)
    return figure


def _column(column: np.ndarray, cell: pd.Series) -> None:
    with np.load(cell["path"].with_name("scores.npz")) as file:
        scores = dict(file)
    middle = len(scores["before"]) // 2
    column[0].imshow(scores["before"][middle])
    column[1].imshow(scores["after"][middle])
    draw(column[2], scores["function"])
    verdict, colour = _verdict(cell)
    column[0].set_title(f"{cell['name']}\n{verdict}", fontsize=8, color=colour)
    column[2].set_xlabel(str(scores["family"]).replace("_", " "), fontsize=8)


def draw(axis: "Axes", function: np.ndarray) -> None:
    """What ``Family.picture`` gives of a function, in ``axis``."""
    if function.ndim > 1:
        axis.imshow(function, cmap="gray", aspect="auto" if function.ndim == 2 else "equal")
        return
    # Below the time that is shown, the clip's own.
    axis.plot(np.arange(len(function)), color="lightgray")
    axis.plot(function, color="tab:blue")


def _verdict(cell: pd.Series) -> tuple[str, str]:
    if cell["attack"] == "baseline":
        return "false alarm", "tab:red"
    return ("found", "tab:green") if cell["right_class"] else ("wrong class", "tab:red")

"""Pictures of trigger inversion: a clip, the same behind the function that was found, and that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import Tensor

from vbd.report.cells import names
from vbd.seeds import generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vbd.defenses.trigger_inversion import Suspicion

_ROWS = ("clip", "behind it", "function")
_SIDE = 1.4  # of a picture, in inches
_COLOURS = {"found": "tab:green", "wrong class": "tab:red", "false alarm": "tab:red"}


@dataclass(frozen=True)
class _Column:
    """``before`` and ``after`` (T, H, W, 3) uint8, ``function`` as ``Family.picture`` gives it."""

    title: str
    colour: str
    label: str
    before: np.ndarray
    after: np.ndarray
    function: np.ndarray


def inversions(frame: pd.DataFrame) -> "Figure":
    """A column a victim of which something was found, its first seed."""
    frame = frame[frame["method"] == "trigger_inversion"]
    frame = frame.assign(name=names(frame, "model", "defense").str.replace(" ", "\n"))
    firsts = frame.loc[frame.groupby("name", sort=False)["seed"].idxmin()]
    return _sheet([_of_cell(cell) for _, cell in firsts.iterrows() if cell["detected"]])


def suspicions(found: Sequence["Suspicion"], class_names: Sequence[str], clip: Tensor) -> "Figure":
    """A column each of what a scan ``found``, on ``clip`` (T, H, W, 3) uint8."""
    columns = []
    for one in found:
        after = one.found.trigger()(clip[None], generator(0))[0]
        # A dollar would begin a formula, and the names may be a stranger's.
        title = f"to {class_names[one.found.target]}\n{one.found.success:.0%}".replace("$", r"\$")
        shown = (clip.numpy(), after.numpy(), one.picture().numpy())
        columns.append(_Column(title, "black", one.family, *shown))
    return _sheet(columns)


def _of_cell(cell: pd.Series) -> _Column:
    with np.load(cell["path"].with_name("scores.npz")) as file:
        shown = [file[name] for name in ("before", "after", "function")]
        family = str(file["family"])
    verdict = "found" if cell.get("right_class") else "wrong class"
    if cell["attack"] == "baseline":
        verdict = "false alarm"
    return _Column(f"{cell['name']}\n{verdict}", _COLOURS[verdict], family, *shown)


def _sheet(columns: Sequence[_Column]) -> "Figure":
    """The columns side by side; without any of them an empty sheet that says so."""
    from matplotlib.figure import Figure

    size = (_SIDE * max(len(columns), 2) + 0.4, 3 * _SIDE + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    if not columns:
        figure.text(0.5, 0.5, "nothing was found of any victim", ha="center", fontsize=8)
        return figure
    grid = figure.subplots(len(_ROWS), len(columns), squeeze=False)
    for axes, column in zip(grid.T, columns, strict=True):
        middle = len(column.before) // 2
        axes[0].imshow(column.before[middle])
        axes[1].imshow(column.after[middle])
        _draw(axes[2], column.function)
        axes[0].set_title(column.title, fontsize=8, color=column.colour)
        axes[2].set_xlabel(column.label.replace("_", " "), fontsize=8)
    for axis, label in zip(grid[:, 0], _ROWS, strict=True):
        axis.set_ylabel(label, fontsize=8)
    for axis in grid.flatten():
        axis.set(xticks=[], yticks=[])
    return figure


def _draw(axis: "Axes", function: np.ndarray) -> None:
    if function.ndim > 1:
        axis.imshow(function, cmap="gray", aspect="equal" if function.ndim == 3 else "auto")
        return
    # Below the time that is shown, the clip's own.
    axis.plot(np.arange(len(function)), color="lightgray")
    axis.plot(function, color="tab:blue")

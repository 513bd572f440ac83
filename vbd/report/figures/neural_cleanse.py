"""Figure of Neural Cleanse: the trigger recovered from every victim, below the true one."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vbd.report.cells import names
from vbd.report.plotting import on_grey

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_ROWS = ("true change", "mask", "masked pattern", "norms")
# So many victims stand side by side; of more, the rest goes below.
_WIDEST = 8
# In inches: the side of a picture, what a band has besides pictures, and the legend.
_SIDE, _BESIDES, _LEGEND = 1.25, 1.55, 0.3
_COLOURS = {"found": "tab:green", "clean": "black"}


def neural_cleanse(frame: pd.DataFrame) -> "Figure":
    """A column a victim, its first seed: what the true trigger changes, and what was recovered.

    Mask and pattern are those for the attacker's target, on a clean model for the suspect class;
    the index in the title is of the same class. The norms below are of all classes, in pixels for a
    nat of the evidence that the trigger has to bring.
    """
    from matplotlib.figure import Figure

    frame = frame[frame["method"] == "neural_cleanse"]
    frame = frame.assign(name=names(frame, "defense").str.replace(" ", "\n"))
    # One seed: the mean of the masks of several is nothing that was ever found.
    firsts = frame.loc[frame.groupby(["model", "name"], sort=False)["seed"].idxmin()]
    bands = [band for _, cells in firsts.groupby("model", sort=False) for band in _split(cells)]
    widest = max(map(len, bands))
    height = len(bands) * (3 * _SIDE + _BESIDES) + _LEGEND
    # The legend has to fit even under one victim.
    figure = Figure(figsize=(max(widest, 2) * _SIDE + 0.4, height), layout="constrained")
    parts = figure.subfigures(len(bands), 1, squeeze=False)[:, 0]
    each = [_band(part, cells, widest) for part, cells in zip(parts, bands, strict=True)]
    strips = [strip for band in each for strip in band]
    # One scale under all victims, so that their norms can be compared.
    limits = [strip.get_xlim() for strip in strips]
    for strip in strips:
        strip.set_xlim(np.min(limits), np.max(limits))
    handles = strips[0].get_legend_handles_labels()
    figure.legend(
        *handles,
        loc="outside lower center",
        ncols=3,
        fontsize=8,
        frameon=False,
        columnspacing=1,
        handlelength=1.5,
    )
    return figure


def _split(cells: pd.DataFrame) -> list[pd.DataFrame]:
    """Bands of about the same width."""
    width = math.ceil(len(cells) / math.ceil(len(cells) / _WIDEST))
    return [cells[start : start + width] for start in range(0, len(cells), width)]


def _band(part: "SubFigure", cells: pd.DataFrame, columns: int) -> list["Axes"]:
    """A band of victims of one model in ``part``; gives the strips of their norms."""
    part.suptitle(cells["model"].iloc[0], fontsize=10)
    grid = part.subplots(len(_ROWS), columns, squeeze=False, height_ratios=[1, 1, 1, 0.3])
    for spare in grid[:, len(cells) :].flatten():
        spare.remove()
    grid = grid[:, : len(cells)]
    for column, (_, cell) in zip(grid.T, cells.iterrows(), strict=True):
        _column(column, cell)
    for axis, label in zip(grid[:, 0], _ROWS, strict=True):
        axis.set_ylabel(label, fontsize=8)
    return list(grid[-1])


def _column(column: np.ndarray, cell: pd.Series) -> None:
    """The pictures of a victim and the strip of its norms, in the four axes of ``column``."""
    with np.load(cell["path"].with_name("scores.npz")) as file:
        scores = dict(file)
    clean = cell["attack"] == "baseline"
    shown = int(scores["suspect" if clean else "target"])
    mask = scores["masks"][shown].astype(np.float32)
    # The frame where the mask weighs most.
    mask = mask[mask.sum((1, 2, 3)).argmax()]
    change = scores["change"] / max(scores["change"].max(), 1e-6)
    column[0].imshow(change, cmap="gray", vmin=0, vmax=1)
    if clean:
        middle = {"x": 0.5, "y": 0.5, "ha": "center", "va": "center"}
        column[0].text(s="none", color="white", transform=column[0].transAxes, **middle)
    column[1].imshow(mask, cmap="gray", vmin=0, vmax=1)
    column[2].imshow(on_grey(mask, scores["patterns"][shown]))
    verdict, index = _verdict(cell), cell["index" if clean else "target_index"]
    title = f"{cell['name']}\nindex {index:.1f}\n{verdict}"
    column[0].set_title(title, fontsize=8, color=_COLOURS.get(verdict, "tab:red"))
    for axis in column[:3]:
        axis.set(xticks=[], yticks=[])
    _strip(column[3], scores["norms"] / scores["evidence"], shown)


def _verdict(cell: pd.Series) -> str:
    """What the scan of a victim came to, in a word or two."""
    if cell["attack"] == "baseline":
        return "false alarm" if cell["detected"] else "clean"
    if not cell["detected"]:
        return "missed"
    return "found" if cell["right_class"] else "wrong class"


def _strip(axis: "Axes", norms: np.ndarray, shown: int) -> None:
    """``norms`` (K,) on a logarithmic axis, that of the class ``shown`` in colour."""
    from matplotlib.ticker import LogLocator, NullLocator

    # What is smaller is as good as nothing, and would stretch the axis.
    norms = np.maximum(norms, 0.01)
    others = np.delete(norms, shown)
    axis.axvline(np.median(norms), color="black", linestyle="--", linewidth=1, label="median")
    axis.plot(others, 0 * others, "o", color="grey", alpha=0.5, ms=5, label="other classes")
    axis.plot(norms[shown], 0, "D", color="tab:red", ms=5, label="class shown")
    axis.set(xscale="log", yticks=[])
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_locator(NullLocator())
    axis.tick_params(labelsize=7)

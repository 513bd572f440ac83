"""Heatmaps: attacks against defences, and poisoned frames in training against those in the test."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vbd.report.cells import attacked, names
from vbd.report.plotting import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_PREFIX = "asr_frames_"


def frames(frame: pd.DataFrame) -> "Figure":
    """Figure 4: ASR in percent of victims trained on so many poisoned frames, tested on so many.

    A panel an attack, a row a victim, its CDA in the last column; mean over seeds.
    """
    tested = sorted(int(c.removeprefix(_PREFIX)) for c in frame if c.startswith(_PREFIX))
    # Where numbers are drawn alone, the test has whole triggers alone.
    columns = [f"{_PREFIX}{count}" for count in tested] or ["asr"]
    ablated = frame[frame[columns].notna().any(axis=1)]
    cells = list(ablated.groupby(names(ablated, "model"), sort=False))
    headers = [*(map(str, tested) if tested else ["all"]), "CDA"]
    figure, axes = panels(len(cells), size=(0.5 * len(headers) + 0.4, 2.5), columns=4)
    for axis, (name, cell) in zip(axes, cells, strict=True):
        means = cell.groupby("frames", sort=False)[[*columns, "cda"]].mean()
        means = means.loc[sorted(means.index, key=_rank)]
        # CDA is another quantity and has no colour.
        asr = means.assign(cda=np.nan).to_numpy()
        texts = [[f"{value:.0f}" for value in row] for row in means.to_numpy()]
        heatmap(axis, asr, texts, [str(count) for count in means.index], headers, "viridis")
        axis.set_title(name, fontsize=9)
    figure.supxlabel("ASR in percent, by the number of poisoned frames in the test", fontsize=9)
    figure.supylabel("poisoned frames in training", fontsize=9)
    return figure


def defenses(frame: pd.DataFrame) -> "Figure":
    """Every attack against every defence, coloured by DER; first the victim without a defence.

    A cell holds CDA / ASR after the defence and DER in percent, mean over seeds; a missing one is
    grey.
    """
    frame = attacked(frame)
    frame = frame.assign(name=names(frame, "model"), defense=frame["defense"].fillna("none"))
    means = frame.groupby(["name", "defense"], sort=False)[["cda", "asr", "der"]].mean()
    rows = list(frame["name"].unique())
    methods = ["none", *(name for name in frame["defense"].unique() if name != "none")]
    # Every pair: what the grid has not is to be seen as a gap.
    wide = means.reindex(pd.MultiIndex.from_product([rows, methods]))
    texts = np.reshape([_cell(*values) for values in wide.to_numpy()], (len(rows), -1))
    der = wide["der"].to_numpy().reshape(texts.shape)
    size = (1.15 * len(methods) + 2.6, 0.45 * len(rows) + 1)
    figure, (axis,) = panels(1, size=size)
    # Half is no effect: the map is white there.
    headers = [method.replace("_", "\n") for method in methods]
    image = heatmap(axis, der, texts.tolist(), rows, headers, "RdBu")
    axis.set_facecolor("lightgrey")
    # The undefended victims have no DER, but are not missing.
    axis.axvspan(-0.5, 0.5, color="white", zorder=0)
    axis.axvline(0.5, color="black", linewidth=1)
    axis.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    figure.colorbar(image, label="DER in percent", aspect=40)
    figure.supxlabel("CDA / ASR in percent", fontsize=9)
    return figure


def _rank(trained: int | str) -> float:
    """Numbers of poisoned frames, then all of them, then what is drawn for each clip."""
    return {"all": 1e6, "random": 2e6}[trained] if isinstance(trained, str) else trained


def _cell(cda: float, asr: float, der: float) -> str:
    if np.isnan(cda):
        return "-"
    rates = f"{cda:.0f} / {asr:.0f}"
    return rates if np.isnan(der) else f"{rates}\nDER {der:.0f}"


def heatmap(
    axis: "Axes",
    values: np.ndarray,
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    colours: str,
) -> "AxesImage":
    """``values`` (R, C) of 0-100 in colour, none where they are NaN, and ``texts`` over them."""
    image = axis.imshow(values, cmap=colours, vmin=0, vmax=100, aspect="auto", zorder=1)
    red, green, blue, alpha = np.moveaxis(image.cmap(values / 100), -1, 0)
    # Roughly as bright as the eye has it; cells without a colour count as bright.
    bright = 0.3 * red + 0.6 * green + 0.1 * blue + (1 - alpha)
    for (row, column), light in np.ndenumerate(bright):
        colour = "black" if light > 0.5 else "white"
        text = texts[row][column]
        axis.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    axis.set_xticks(range(len(columns)), columns, fontsize=8)
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return image

"""Figures of model extraction: accuracy over queries, inherited backdoors, what a monitor sees."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vbd.report import thefts
from vbd.report.cells import names as called
from vbd.report.figures.heatmaps import heatmap
from vbd.report.plotting import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLES = {"grey": "-", "black": "--"}
# There are ten colours; the next ten thefts have them again, with another marker.
_MARKERS = "os^Dv"
# From here on PRADA lets traffic pass (Juuti et al. 2019).
_LIMIT = 0.9


def queries(frame: pd.DataFrame) -> "Figure":
    """Top-1 accuracy and agreement of the clones over the queries spent, a row of panels a victim.

    Mean over seeds; solid with clips (grey box), dashed without (black box). The grey lines are the
    victim and chance.
    """
    from matplotlib.ticker import LogFormatter

    frame = thefts.read(list(frame["path"]))
    found = list(frame.groupby("victim", sort=False))
    names = list(dict.fromkeys(zip(frame["theft"], frame["clone"], strict=True)))
    looks = {
        name: (f"C{number % 10}", _MARKERS[number // 10 % len(_MARKERS)])
        for number, name in enumerate(names)
    }
    figure, axes = panels(2 * len(found), size=(4.2, 3.2), columns=2, sharey=True)
    for number, (victim, cells) in enumerate(found):
        for axis, metric in zip(axes[2 * number :], ("cda", "agreement"), strict=False):
            for name, cell in cells.groupby(["theft", "clone"], sort=False):
                means = cell.groupby("queries")[metric].mean()
                style, (colour, marker) = _STYLES[cell["setting"].iloc[0]], looks[name]
                axis.plot(
                    means.index,
                    means,
                    style,
                    color=colour,
                    label=", ".join(name),
                    marker=marker,
                    markersize=4,
                    linewidth=1.2,
                )
            if metric == "cda":
                axis.axhline(cells["victim_cda"].mean(), color="grey", linewidth=1)
            chance = 100 / cells["classes_known"].iloc[0]
            axis.axhline(chance, color="grey", linewidth=1, linestyle=":")
            title = "accuracy (line: the victim)" if metric == "cda" else "agreement"
            axis.set_title(f"{victim}: {title}", fontsize=9)
            axis.set(xscale="log", ylim=(0, 104), xlabel="queries", ylabel="percent")
            # 200, not 2 × 10²: budgets are often less than a power of ten apart.
            for formatted in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
                formatted(LogFormatter())
    # Not every victim meets every theft: each line of any panel is named, once.
    lines = {str(line.get_label()): line for axis in axes for line in axis.get_lines()}
    shown = {text: line for text, line in lines.items() if not text.startswith("_")}
    figure.legend(list(shown.values()), list(shown), loc="outside right center", fontsize=7)
    return figure


def backdoors(frame: pd.DataFrame) -> "Figure":
    """ASR of each attack on its victim and in every clone of it, in percent, mean over seeds.

    Where several models were attacked, each has rows of its own.
    """
    frame = thefts.read(list(frame["path"]))
    frame = frame[frame["whole"] & frame["victim_asr"].notna()]
    frame = frame.assign(name=called(frame, "victim"))
    rows = list(frame["name"].unique())
    frame = frame.assign(column=frame["theft"] + "\n" + frame["clone"])
    wide = frame.pivot_table(index="name", columns="column", values="asr", sort=False)
    wide.insert(0, "the victim", frame.groupby("name")["victim_asr"].mean())
    # On clones of the clean victim: what is no higher than this is not inherited.
    wide.insert(1, "clean clones", frame.groupby("name")["control_asr"].mean())
    wide = wide.loc[rows]
    texts = [["-" if np.isnan(v) else f"{v:.0f}" for v in row] for row in wide.to_numpy()]
    size = (1.1 * wide.shape[1] + 2, 0.4 * len(rows) + 1)
    figure, (axis,) = panels(1, size=size)
    heatmap(axis, wide.to_numpy(), texts, rows, list(wide.columns), "viridis")
    axis.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    figure.supxlabel("ASR in percent", fontsize=9)
    return figure


def monitor(frame: pd.DataFrame) -> "Figure":
    """The Shapiro-Wilk statistic that PRADA watches, over queries, of every transfer set.

    Of its first seed; grey is the benign traffic of that oracle, below the dashed line is alarm.
    """
    frame = thefts.read(list(frame["path"])).drop_duplicates(["victim", "transfer"])
    figure, axes = panels(len(frame), size=(2.3, 2.0), sharey=True)
    for axis, (_, cell) in zip(axes, frame.iterrows(), strict=True):
        last = cell["queries"]
        with np.load(cell["path"].with_name("monitor.npz")) as arrays:
            for name, colour in (("benign", "darkgrey"), ("values", "C0")):
                # Fewer than a hundred distances are not tested: an empty line.
                curve = arrays[name].reshape(-1, 2)
                axis.plot(curve[:, 0], curve[:, 1], color=colour, linewidth=1.2)
                last = max([last, *curve[-1:, 0]])
        axis.axhline(_LIMIT, color="black", linewidth=1, linestyle="--")
        # The whole traffic, also where it is too short to be tested.
        axis.set_xlim(0, last)
        said = f"alarm at {cell['alarm']:.0f}" if cell["alarm"] else "no alarm"
        axis.set_title(f"{cell['transfer']}, {cell['victim']}\n{said}", fontsize=8)
        axis.tick_params(labelsize=7)
    figure.supxlabel("queries", fontsize=9)
    figure.supylabel("W", fontsize=9)
    return figure

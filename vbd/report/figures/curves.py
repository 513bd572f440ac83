"""Figures of curves and histograms, drawn from the arrays beside the results."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vbd.report.cells import names
from vbd.report.plotting import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLES = {"static": "-", "dynamic": "--"}


def curves(frame: pd.DataFrame) -> "Figure":
    """Loss and accuracy over epochs, one line a victim: the mean of its seeds' ``curves.npz``."""
    figure, axes = panels(2, size=(4.5, 4))
    # Colour tells the attack, the line its mode; black is the clean model.
    attacks = [attack for attack in frame["attack"].unique() if attack != "baseline"]
    colours = {attack: f"C{number % 10}" for number, attack in enumerate(attacks)}
    for name, cell in frame.groupby(names(frame, "model"), sort=False):
        colour = colours.get(cell["attack"].iloc[0], "black")
        style = _STYLES.get(cell["mode"].iloc[0], "-")
        seeds = _arrays(cell, "curves.npz")
        for axis, quantity in zip(axes, ("loss", "accuracy"), strict=True):
            mean = np.mean([seed[quantity] for seed in seeds], axis=0)
            epochs = np.arange(1, len(mean) + 1)
            axis.plot(epochs, mean, style, color=colour, linewidth=1.2, label=name)
            axis.set(xlabel="epoch", ylabel=f"training {quantity}")
            axis.locator_params("x", integer=True)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


def rates(frame: pd.DataFrame) -> "Figure":
    """ASR, and dashed the CDA, over the poisoning rate, one colour a trigger: means over seeds.

    Of several seeds with their standard deviation, that of the sample as in the tables.
    """
    figure, (axis,) = panels(1, size=(5.5, 3.2))
    frame = frame.assign(attack=frame["trigger"])
    for number, (name, victims) in enumerate(frame.groupby(names(frame, "model"), sort=False)):
        for rate, style in (("asr", "o-"), ("cda", "--")):
            over = victims.groupby("rate")[rate].agg(["mean", "std"])
            label = name if rate == "asr" else None
            x, colour = 100 * over.index.to_numpy(), f"C{number % 10}"
            axis.plot(x, over["mean"], style, color=colour, linewidth=1.2, label=label)
            low, high = over["mean"] - over["std"], over["mean"] + over["std"]
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set(xlabel="poisoning rate in percent", ylabel="ASR (CDA dashed) in percent")
    axis.set_ylim(-4, 104)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


def strip(frame: pd.DataFrame) -> "Figure":
    """Figure 5: entropy under STRIP of clean and of triggered test clips, all seeds together.

    The dashed line is the mean over seeds of the threshold, left of which clips are refused.
    """
    cells = list(frame.groupby(names(frame, "model", "defense"), sort=False))
    figure, axes = panels(len(cells), size=(2.6, 2.3), sharex=True)
    for axis, (name, cell) in zip(axes, cells, strict=True):
        seeds = _arrays(cell, "scores.npz")
        kinds = {"clean": "test", "triggered": "triggered"}
        # The scores are negative entropies.
        bits = {kind: -np.concatenate([s[key] for s in seeds]) for kind, key in kinds.items()}
        # The same bins for both, or their areas could not be compared.
        edges = np.histogram_bin_edges(np.concatenate(list(bits.values())), 25)
        for kind, values in bits.items():
            axis.hist(values, edges.tolist(), density=True, alpha=0.6, label=kind)
        limit = -np.mean([seed["threshold"] for seed in seeds])
        axis.axvline(limit, color="black", linestyle="--", linewidth=1, label="threshold")
        axis.set_title(f"{name}\nAUROC {cell['auroc'].mean():.1f} %", fontsize=8)
        axis.set_yticks([])
    _caption(figure, axes[0], "entropy in bits", "density")
    return figure


def pruning(frame: pd.DataFrame) -> "Figure":
    """Figure 6: CDA and ASR over the share of channels pruned, mean over seeds.

    Of several seeds with their standard deviation, that of the sample as in the tables. The dashed
    line is the mean over seeds of where fine-pruning stops.
    """
    cells = list(frame.groupby(names(frame, "model", "defense"), sort=False))
    figure, axes = panels(len(cells), size=(2.4, 2.2), sharex=True, sharey=True)
    for axis, (name, cell) in zip(axes, cells, strict=True):
        seeds = _arrays(cell, "scores.npz")
        # The same for every seed: steps are counted in channels.
        pruned = 100 * seeds[0]["stages"]
        for rate in ("cda", "asr"):
            each = 100 * np.stack([seed[rate] for seed in seeds])
            mean = each.mean(0)
            axis.plot(pruned, mean, label=rate.upper())
            if len(each) > 1:
                spread = each.std(0, ddof=1)
                axis.fill_between(pruned, mean - spread, mean + spread, alpha=0.2)
        stop = cell["pruned"].mean()
        axis.axvline(stop, color="black", linestyle="--", linewidth=1, label="accepted model")
        axis.set_title(name, fontsize=8)
        axis.set(xlim=(0, 100), ylim=(-4, 104))
    _caption(figure, axes[0], "channels pruned in percent", "percent")
    return figure


def _arrays(cell: pd.DataFrame, name: str) -> list["np.lib.npyio.NpzFile"]:
    """The arrays in the file ``name`` beside each result."""
    return [np.load(path.with_name(name)) for path in cell["path"]]


def _caption(figure: "Figure", axis: "Axes", below: str, left: str) -> None:
    """One legend, that of ``axis``, and one pair of labels for all panels."""
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=3, fontsize=9, frameon=False)
    figure.supxlabel(below, fontsize=9)
    figure.supylabel(left, fontsize=9)

"""A table written four ways: csv with plain numbers; md, tex and html to read."""

import html
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vbd.files import replacing
from vbd.report.cells import OVER_SEEDS

_TITLES = {
    "asr_video": "ASR (video)",
    "psnr": "PSNR (dB)",
    "snr": "SNR (dB)",
    "change_mean": "Mean change",
    "change_max": "Largest change",
    "runtime_s": "Runtime (s)",
    "norm_median": "Median norm",
    "trigger_asr": "ASR of the trigger",
    "recovered_asr": "Recovered ASR",
} | {name: name.upper() for name in ("cda", "asr", "ra", "der", "auroc", "fpr", "fnr", "ssim")}
_TITLES |= {
    "top1": "Top-1",
    "top5": "Top-5",
    "victim_cda": "Victim CDA",
    "victim_asr": "Victim ASR",
    "control_asr": "Control ASR",
}
_TITLES |= {"honest_cda": "Honest accuracy", "honest_error": "Honest error"}
_TITLES |= {f"{name}_before": f"{name.upper()} before" for name in ("cda", "asr", "ra")}
_DIGITS = {"ssim": 3, "index": 2, "target_index": 2, "index_of_norms": 2, "cosine": 4}
_DIGITS |= dict.fromkeys(("threshold", "clean_loss", "loss"), 4)
_DIGITS |= dict.fromkeys(("threshold_published", "loss_published"), 3)
_DIGITS |= dict.fromkeys(("change_max", "unchanged", "detected", "right_class", "passes"), 0)
_DIGITS |= dict.fromkeys(("detected_by_norms", "right_class_by_norms", "decides_from"), 0)
_DIGITS |= {"interval_from": 1, "interval_to": 1}
_DIGITS |= dict.fromkeys(("caught", "alarm", "false_alarm", "classes"), 0)
_STYLE = """<meta charset="utf-8">
<style>
.vbd { font: 13px/1.4 sans-serif; border-collapse: collapse }
table.vbd :is(th, td) { text-align: left; white-space: nowrap; padding: 2px 12px 2px 0 }
table.vbd tr { border-bottom: 1px solid lightgrey }
p.vbd { max-width: 46em; margin: 8px 0 }
</style>
"""


def write(table: pd.DataFrame, notes: Sequence[str], out: Path) -> None:
    """Write ``table`` to ``out`` (.csv) with plain numbers; .md, .tex and .html are to read.

    A table with a column "seeds" says how many it has, and what a single one cannot tell. Where no
    row has several, no note speaks of a mean over them.
    """
    if "seeds" in table and table["seeds"].max() == 1:
        notes = [note.replace(OVER_SEEDS, "one seed a cell") for note in notes]
    readable, notes = _readable(table), [*notes, *_of_seeds(table)]
    texts = {
        # To compute with, so with more digits than are read.
        ".csv": table.to_csv(index=False, float_format="%.5g"),
        # Numbers are text already; read as numbers again they would lose their last zeros.
        ".md": "\n\n".join([readable.to_markdown(index=False, disable_numparse=True), *notes])
        + "\n",
        # Escaped, as names have underscores.
        ".tex": readable.to_latex(index=False, escape=True)
        + "".join(f"% {note}\n" for note in notes),
        # A piece of a page: Snakemake's report shows it by itself, and on its first page.
        ".html": _STYLE
        + readable.to_html(index=False, border=0, classes="vbd")
        + "".join(f'\n<p class="vbd">{html.escape(note)}</p>' for note in notes)
        + "\n",
    }
    for suffix, text in texts.items():
        with replacing(out.with_suffix(suffix)) as temporary:
            temporary.write_text(text)


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and deviation, or mean and range, in one column; "-" for what is not there."""
    columns: dict[str, pd.Series] = {}
    for name, column in table.items():
        if name.endswith(("_std", "_low", "_high")):
            continue
        if f"{name}_std" in table.columns:
            pairs = zip(column, table[f"{name}_std"], strict=True)
            digits = _DIGITS.get(name, 1)
            column = pd.Series([_figure(mean, spread, digits) for mean, spread in pairs])
        elif f"{name}_low" in table.columns:
            triples = zip(column, table[f"{name}_low"], table[f"{name}_high"], strict=True)
            column = pd.Series([_range(*triple) for triple in triples])
        elif pd.api.types.is_float_dtype(column):
            column = column.map(f"{{:.{_DIGITS.get(name, 2)}f}}".format, na_action="ignore")
        columns[_title(name)] = column.astype(object).where(column.notna(), "-")
    return pd.DataFrame(columns)


def _figure(mean: float, deviation: float, digits: int) -> str:
    if pd.isna(mean):
        return "-"
    # Of a single seed there is no deviation; 0 would claim that seeds agree.
    spread = "-" if pd.isna(deviation) else f"{deviation:.{digits}f}"
    return f"{mean:.{digits}f} ± {spread}"


def _range(mean: float, low: float, high: float) -> str:
    if pd.isna(mean):
        return "-"
    return f"{mean:.1f}" if low == high else f"{mean:.1f} ({low:.1f} to {high:.1f})"


def _of_seeds(table: pd.DataFrame) -> list[str]:
    """How many seeds the rows have, and what that means for who reads them."""
    if "seeds" not in table:
        return []
    # A row of 0 seeds is a missing cell, of which its table has a note.
    numbers = sorted(set(table["seeds"]) - {0})
    counts = "no seed" if not numbers else f"{numbers[0]} to {numbers[-1]} seeds"
    if len(numbers) == 1:
        counts = "1 seed" if numbers == [1] else f"{numbers[0]} seeds"
    if 1 not in numbers:
        return [f"Rows of {counts}."]
    sign = "± -: a single value has no deviation. " if any(table.filter(like="_std")) else ""
    return [
        f"Rows of {counts}. {sign}A single cell of one seed says little: between two machines it "
        "can differ by tens of points. Read means over rows, or run more seeds (presets/full.yaml)."
    ]


def _title(name: str) -> str:
    """The header of a column; what stands before a space is the model that it is of."""
    if name.endswith("_published"):
        return f"{_title(name.removesuffix('_published'))} (published)"
    model, _, metric = name.rpartition(" ")
    title = _TITLES.get(metric, metric.replace("_", " ").capitalize())
    return f"{model} {title}" if model else title

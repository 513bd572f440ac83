"""A table written three ways: csv with plain numbers, md and tex to read."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vbd.files import replacing

_TITLES = {
    "asr_video": "ASR (video)",
    "psnr": "PSNR (dB)",
    "snr": "SNR (dB)",
    "change_mean": "Mean change",
    "change_max": "Largest change",
    "runtime_s": "Runtime (s)",
    "norm_median": "Median norm",
    "trigger_asr": "ASR of the trigger",
    "iou": "IoU",
} | {name: name.upper() for name in ("cda", "asr", "ra", "der", "auroc", "fpr", "fnr", "ssim")}
_TITLES |= {f"{name}_before": f"{name.upper()} before" for name in ("cda", "asr", "ra")}
_DIGITS = {"ssim": 3, "index": 2, "target_index": 2}
_DIGITS |= dict.fromkeys(("change_max", "unchanged", "detected", "right_class", "passes"), 0)


def write(table: pd.DataFrame, notes: Sequence[str], out: Path) -> None:
    """Write ``table`` to ``out`` (.csv) with plain numbers; .md and .tex beside it are to read."""
    readable = _readable(table)
    texts = {
        ".csv": table.to_csv(index=False, float_format="%.5g"),
        ".md": "\n\n".join([readable.to_markdown(index=False, disable_numparse=True), *notes])
        + "\n",
        ".tex": readable.to_latex(index=False, escape=True)
        + "".join(f"% {note}\n" for note in notes),
    }
    for suffix, text in texts.items():
        with replacing(out.with_suffix(suffix)) as temporary:
            temporary.write_text(text)


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and deviation in one column, "-" where there is nothing."""
    columns: dict[str, pd.Series] = {}
    for name, column in table.items():
        if name.endswith("_std"):
            continue
        if f"{name}_std" in table.columns:
            pairs = zip(column, table[f"{name}_std"], strict=True)
            digits = _DIGITS.get(name, 1)
            column = pd.Series([_figure(mean, spread, digits) for mean, spread in pairs])
        elif pd.api.types.is_float_dtype(column):
            column = column.map(f"{{:.{_DIGITS.get(name, 2)}f}}".format, na_action="ignore")
        columns[_title(name)] = column.astype(object).where(column.notna(), "-")
    return pd.DataFrame(columns)


def _figure(mean: float, deviation: float, digits: int) -> str:
    if pd.isna(mean):
        return "-"
    figures = (mean,) if pd.isna(deviation) else (mean, deviation)
    return " ± ".join(f"{figure:.{digits}f}" for figure in figures)


def _title(name: str) -> str:
    """The header of a column; what stands before a space is the model that it is of."""
    if name.endswith("_published"):
        return f"{_title(name.removesuffix('_published'))} (published)"
    model, _, metric = name.rpartition(" ")
    title = _TITLES.get(metric, metric.replace("_", " ").capitalize())
    return f"{model} {title}" if model else title

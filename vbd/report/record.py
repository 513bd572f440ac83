"""The file of all cells of a run and of where they come from: cells.csv, docs/reference/*.csv."""

import io
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

import pandas as pd

from vbd.files import replacing
from vbd.report.long import CELL, FIGURES

_KEYS = [*CELL, "metric"]
# By its first line a file is known from the tables beside it.
_FIRST = "# Every cell of a run of vbd, in percent; `vbd compare` holds another run against it."


def write(frame: pd.DataFrame, origin: Mapping[str, str], path: Path) -> None:
    """Write a frame of ``long`` to ``path`` (.csv), below a line for each part of its origin."""
    lines = [_FIRST, *(f"# {key}: {value}" for key, value in origin.items())]
    with replacing(path) as temporary:
        table = frame.to_csv(index=False, float_format="%.5g")
        temporary.write_text("\n".join(lines) + f"\n{table}")


def load(path: Path) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """The cells in a file of ``write``, or in all such files below a folder, and their origins.

    Raises FileNotFoundError where there is no such file, and ValueError for one that is broken,
    empty, or has a cell twice.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    files = [path] if path.is_file() else [f for f in sorted(path.rglob("*.csv")) if _is_ours(f)]
    if not files:
        raise FileNotFoundError(
            f"{path}: no file of cells lies in it. A run writes one a dataset, "
            "results/report/<configuration>/<dataset>/cells.csv; a reference is a copy of it"
        )
    frames, origins = zip(*map(_read, files), strict=True)
    frame = pd.concat(frames, ignore_index=True)
    if frame.duplicated(_KEYS).any():
        named = ", ".join(map(str, files))
        raise ValueError(f"{path}: several files have the same cells, name one of {named}")
    return frame, list(origins)


def _is_ours(file: Path) -> bool:
    with file.open(encoding="utf-8", errors="replace") as lines:
        return lines.readline(len(_FIRST) + 1).rstrip("\n") == _FIRST


def _read(file: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """One file; it may be anybody's, so nothing in it is trusted."""
    if not _is_ours(file):
        raise ValueError(f"{file}: this is no file of cells: its first line is not {_FIRST!r}")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    head = list(takewhile(lambda line: line.startswith("# "), lines))
    parts = (line[2:].strip().partition(": ") for line in head[1:])
    try:
        frame = pd.read_csv(
            io.StringIO("".join(lines[len(head) :])),
            dtype=dict.fromkeys(_KEYS, str) | dict.fromkeys(FIGURES, float),
            # A model may be called "null".
            keep_default_na=False,
            na_values=[""],
        )
        frame = frame[[*_KEYS, *FIGURES]].fillna(dict.fromkeys(_KEYS, ""))
    except (ValueError, KeyError) as error:
        raise ValueError(f"{file}: a broken file of cells: {error}") from error
    if frame.empty:
        raise ValueError(f"{file}: there is no cell in it")
    points = frame[["mean", "step"]]
    sound = frame["seeds"].between(1, 10**6) & ((points >= 0) & (points <= 100)).all(axis=1)
    # Of one seed there is no deviation, of several there has to be one.
    wrong = ~sound | (frame["std"].between(0, 100) != (frame["seeds"] > 1))
    if wrong.any():
        raise ValueError(f"{file}: no figures in its row {int(wrong.argmax()) + 1}")
    if frame.duplicated(_KEYS).any():
        raise ValueError(f"{file}: a cell is there twice")
    return frame, {key: value for key, _, value in parts}

"""Building the clip store: every clip of an index decoded once, in parallel, bad ones set aside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from vbd.data.index import COLUMNS, Pictures
from vbd.data.parallel import run_all
from vbd.files import replacing

if TYPE_CHECKING:
    import pandas

    from vbd.data.decoding import Facts


class EmptyClass(RuntimeError):
    """Of a class no clip is left to train or to test on."""


def build(
    rows: pandas.DataFrame,
    root: Path,
    out: Path,
    *,
    frames: int,
    stride: int,
    views: int,
    size: tuple[int, int],
    workers: int,
    pictures: Pictures | None = None,
    absent: Mapping[str, int] = MappingProxyType({}),
    unlisted: int = 0,
) -> None:
    """Decode the clips of ``rows`` (paths relative to ``root``) into the store ``out``.

    Writes clips.npy, uint8 (N, views, frames, H, W, 3); index.csv, whose row i is clip i;
    quarantine.csv, the clips that cannot be read and why; and summary.json, which counts them all
    and passes on a listing's ``absent`` (for the classes of ``rows``) and ``unlisted``. ``stride``
    is in video frames, ``size`` = (H, W) in pixels. The bytes do not depend on ``workers``, the
    number of processes, which import ``__main__`` (a script needs its ``if __name__`` guard).
    Without ``pictures`` the paths are videos; with it they are what it reads, in this process.
    Raises EmptyClass where a class loses all its train or all its test clips to quarantine.
    """
    from numpy.lib.format import open_memmap

    how: dict[str, Any] = {"frames": frames, "stride": stride, "views": views, "size": tuple(size)}
    # The array is renamed last: where it is, the other three are, and belong to it.
    with replacing(out / "clips.npy") as part:
        clips = open_memmap(part, "w+", np.uint8, (len(rows), views, frames, *size, 3))
        # By number, not as they come: so the bytes do not depend on ``workers``.
        if pictures is None:
            # Each job knows its place in the file: no process hands pixels to another.
            jobs = [
                (root / path, part, clips.offset + i * clips[0].nbytes, how)
                for i, path in enumerate(rows["path"])
            ]
            results = dict(run_all(_decode, jobs, workers, desc="decode"))
        else:
            found = pictures(root, list(rows["path"]), **how)
            results = dict(_written(found, part, clips.offset))
        reasons = [results[i] if isinstance(results[i], str) else None for i in range(len(rows))]
        kept = [i for i, reason in enumerate(reasons) if reason is None]
        lost = rows.assign(reason=reasons).drop(rows.index[kept])
        # Before the check, whose error points to this table.
        write_table(lost[["path", "class_name", "split", "reason"]], out / "quarantine.csv")
        check_classes(rows, lost, out / "quarantine.csv", "read")
        if len(lost):
            _keep(part, kept)
        facts = {name: [results[i][name] for i in kept] for name in COLUMNS[-3:]}
        index = rows.iloc[kept].assign(**facts)
        write_table(index[list(COLUMNS)], out / "index.csv")
        summary = {
            "kept": {name: int(sum(index["split"] == name)) for name in ("train", "val", "test")},
            "quarantined": len(lost),
            # The lists name every class; of those that were not drawn nothing is missing.
            "absent": {name: n for name, n in absent.items() if name in set(rows["class_name"])},
            "unlisted": unlisted,
        }
        with replacing(out / "summary.json") as file:
            file.write_text(json.dumps(summary, indent=2) + "\n")


def write_table(table: pandas.DataFrame, path: Path) -> None:
    """Write ``table`` as CSV without its index, whole or not at all."""
    with replacing(path) as part:
        table.to_csv(part, index=False)


def check_classes(rows: pandas.DataFrame, lost: pandas.DataFrame, table: Path, sense: str) -> None:
    """See that every class of ``rows`` keeps a clip that is not ``lost``, in train and in test.

    Both have the columns path, class_name and split, ``lost`` a reason too; ``table`` is the file
    that lists these, and ``sense`` says what no clip can be ("read"). Raises EmptyClass.
    """
    for (name, split), group in rows.groupby(["class_name", "split"]):
        gone = lost[(lost["class_name"] == name) & (lost["split"] == split)]
        # A class can do without val clips: one with a single group has none anyway.
        if split != "val" and len(gone) == len(group):
            files = "\n".join(f"  {row.path}: {row.reason}" for row in gone.head(9).itertuples())
            raise EmptyClass(
                f"no clip of class {name!r} in split {split!r} can be {sense}:\n{files}\n"
                f"Replace these files, or leave the class out. All such files: {table}"
            )


def _keep(array: Path, kept: list[int]) -> None:
    """Leave only the rows ``kept`` in the array on disk."""
    from numpy.lib.format import open_memmap

    clips = np.load(array, mmap_mode="r")
    with replacing(array) as part:
        fewer = open_memmap(part, "w+", np.uint8, (len(kept), *clips.shape[1:]))
        for row, source in enumerate(kept):
            fewer[row] = clips[source]


def _written(
    found: Iterable[tuple[int, np.ndarray, Facts]], array: Path, offset: int
) -> Iterator[tuple[int, Facts]]:
    """Write each clip to its place in the array; give its number and its facts."""
    with array.open("r+b") as file:
        for number, clip, facts in found:
            file.seek(offset + number * clip.nbytes)
            file.write(clip.data)
            yield number, facts


def _decode(job: tuple[Path, Path, int, dict[str, Any]]) -> Facts | str:
    """Decode one clip to its place in the array: its facts, or the reason why it cannot be."""
    from vbd.data.decoding import UnreadableClip, probe_and_decode

    path, array, offset, how = job
    try:
        clip, facts = probe_and_decode(path, **how)
    except UnreadableClip as error:
        # Returned, not raised: one bad clip must not stop the others.
        return error.reason
    # Not through a map of the file: there a full disk kills the process, here it is an error.
    with array.open("r+b") as file:
        file.seek(offset)
        file.write(clip.data)
    return facts

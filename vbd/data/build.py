"""Building the clip store: every clip of an index decoded once, in parallel, bad ones set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vbd.data.index import COLUMNS, Listing, Pictures
from vbd.data.listing.account import decoded, shown, summary
from vbd.data.tries import decode
from vbd.files import replacing

if TYPE_CHECKING:
    import pandas

    from vbd.data.decoding import Decoder, Facts


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
    decoder: Decoder = "pyav",
    pictures: Pictures | None = None,
    listing: Listing | None = None,
    told: Callable[[Listing], None] | None = None,
) -> None:
    """Decode the clips of ``rows`` (paths relative to ``root``) into the store ``out``.

    Writes clips.npy, uint8 (N, views, frames, H, W, 3); index.csv, whose row i is clip i;
    quarantine.csv, the files that cannot be read and why; and summary.json, the account of all
    files of ``listing``, whose rows are ``rows`` (``vbd/data/listing/account.py``). Where a file
    cannot be read its spares in ``listing`` are tried. ``told`` gets the listing as it is after
    decoding, before anything is raised. ``stride`` is in video frames, ``size`` = (H, W) in pixels.
    The bytes do not depend on ``workers``, the number of processes, which import ``__main__`` (a
    script needs its ``if __name__`` guard).
    Without ``pictures`` the paths are videos, for ``decoder``; with it they are what it reads, in
    this process.
    Raises EmptyClass where a class loses all its train or all its test clips to quarantine.
    """
    from numpy.lib.format import open_memmap

    listing = Listing(rows) if listing is None else listing
    how: dict[str, Any] = {"frames": frames, "stride": stride, "views": views, "size": tuple(size)}
    # The array is renamed last: where it is, the other three are, and belong to it.
    with replacing(out / "clips.npy") as part:
        clips = open_memmap(part, "w+", np.uint8, (len(rows), views, frames, *size, 3))
        # By number, not as they come: so the bytes do not depend on ``workers``.
        places = [clips.offset + i * clips[0].nbytes for i in range(len(rows))]
        tries = [[path, *listing.spares.get(path, ())] for path in rows["path"]]
        if pictures is None:
            results = decode(tries, places, root, part, how | {"decoder": decoder}, workers)
        else:
            found = dict(_written(pictures(root, list(rows["path"]), **how), part, clips.offset))
            results = [[found[i]] for i in range(len(rows))]
        # Before the check, whose error points to this table.
        bad = _quarantined(rows, tries, results)
        write_table(bad, out / "quarantine.csv")
        facts: list[Any] = [of[-1] for of in results]
        kept = [i for i, fact in enumerate(facts) if not isinstance(fact, str)]
        used = [of[len(result) - 1] for of, result in zip(tries, results, strict=True)]
        index = rows.assign(path=used).iloc[kept]
        account = decoded(listing, index, bad["path"])
        if told is not None:
            told(account)
        lost = rows.assign(reason=[of[0] for of in results]).drop(rows.index[kept])
        check_classes(rows, lost, out / "quarantine.csv", "read")
        if len(lost):
            _keep(part, kept)
        index = index.assign(**{name: [facts[i][name] for i in kept] for name in COLUMNS[-3:]})
        write_table(index[list(COLUMNS)], out / "index.csv")
        with replacing(out / "summary.json") as file:
            file.write_text(json.dumps(summary(account), indent=2) + "\n")


def _quarantined(
    rows: pandas.DataFrame,
    tries: Sequence[Sequence[str]],
    results: Sequence[Sequence[Facts | str]],
) -> pandas.DataFrame:
    """Each file that cannot be read, with its class, its split and the reason."""
    import pandas

    clips = zip(rows["class_name"], rows["split"], tries, results, strict=True)
    bad = [
        (path, class_name, split, reason)
        for class_name, split, paths, reasons in clips
        for path, reason in zip(paths, reasons, strict=False)
        if isinstance(reason, str)
    ]
    return pandas.DataFrame(bad, columns=["path", "class_name", "split", "reason"])


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
            files = "\n".join(
                f"  {shown(row.path)}: {row.reason}" for row in gone.head(9).itertuples()
            )
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

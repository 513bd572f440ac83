"""Datasets tried: which clips there are, and whether videos are as long as clips are to be."""

from collections.abc import Iterator
from inspect import signature
from itertools import product
from pathlib import Path

import numpy as np
import pandas

from vbd.data import synthetic
from vbd.data.csaw import class_name
from vbd.data.index import Listing, published, read, table
from vbd.data.sampling import draw
from vbd.data.video.by_decord import available
from vbd.mistakes import Mistake
from vbd.sections.data import Dataset
from vbd.trial.making import said

PROBED = 20
"""Videos that are opened, which takes milliseconds each."""


def there(key: str, dataset: Dataset) -> Iterator[Mistake]:
    """Whether there are any files at all, and what decodes them."""
    if dataset.decoder == "decord" and not available():
        text = "decord is not installed: pip install decord, or set pyav"
        yield Mistake(f"{key}.decoder", text, absent=True)
    if dataset.embedded or dataset.root is None:
        return
    root = Path(dataset.root)
    if not (root.is_dir() or (dataset.images and root.is_file())):
        text = (
            f"there is nothing at {dataset.root}. Put the {dataset.reader} clips there, link them "
            f"there (ln -s), or change the key.{published(dataset.reader)}"
        )
        yield Mistake(f"{key}.root", text, absent=True)


def drawn(key: str, dataset: Dataset, *, pool: bool) -> pandas.DataFrame | Mistake:
    """The rows that decoding will sample, of a dataset that is there; or why it cannot."""
    try:
        listing = _listing(dataset)
    except (ValueError, OSError) as error:
        return Mistake(f"{key}.root", said(error), absent=isinstance(error, FileNotFoundError))
    try:
        return draw(
            listing,
            classes=dataset.classes,
            clips_per_class=dataset.clips_per_class,
            val=dataset.val,
            rng=np.random.default_rng(dataset.seed),
            pool=pool,
        ).rows
    except ValueError as error:
        return Mistake(f"{key}.classes", said(error))


def _listing(dataset: Dataset) -> Listing:
    if dataset.reader == "synthetic":
        return Listing(table(_rendered(dataset)))
    if dataset.reader == "faces":
        how = dataset.faces
        counts = {"train": how.train, "val": how.val, "test": how.test}
        return Listing(
            table(
                (f"{part}/{identity}/{image}", class_name(identity), f"{part}{image}", part)
                for part, count in counts.items()
                for identity, image in product(range(how.identities), range(count))
            )
        )
    return read(dataset.reader, Path(str(dataset.root)), split=dataset.official_split)


def _rendered(dataset: Dataset) -> Iterator[tuple[str, str, str, str]]:
    """The embedded clips as they will be listed: whole groups are tested on."""
    groups = dataset.render.groups
    tested = max(1, round(synthetic.TEST_SHARE * groups))
    classes = synthetic.TASKS[dataset.render.task]
    clips = range(dataset.render.clips_per_group)
    for name, group, clip in product(classes, range(groups), clips):
        part = "test" if group < tested else "train"
        yield f"{name}/{group}/{clip}", name, str(group), part


def too_short(key: str, dataset: Dataset, rows: pandas.DataFrame) -> Iterator[Mistake]:
    """Whether no video, of some that are looked at, has the frames of a clip."""
    if dataset.images:
        return
    longest = _longest(dataset, rows)
    if longest is None:
        return
    of = "embedded clip" if dataset.embedded else "video that was looked at"
    if dataset.frames > longest:
        yield Mistake(
            f"{key}.frames", f"{dataset.frames} are wanted, and the longest {of} has {longest}"
        )
    elif (dataset.frames - 1) * dataset.stride >= longest:
        most = (longest - 1) // max(1, dataset.frames - 1)
        yield Mistake(
            f"{key}.stride",
            f"{dataset.frames} frames, {dataset.stride} apart, are more than the {longest} frames "
            f"of the longest {of}: {most} is the most",
        )


def _longest(dataset: Dataset, rows: pandas.DataFrame) -> int | None:
    """The frames of the longest video, of ``PROBED`` that are spread over the ``rows``."""
    if dataset.embedded:
        return int(signature(synthetic.render).parameters["frames"].default)
    from vbd.data.video.film import open_film

    found = []
    for place in np.linspace(0, len(rows) - 1, min(PROBED, len(rows))).astype(int):
        try:
            with open_film(Path(str(dataset.root)) / rows["path"].iloc[place]) as film:
                found.append(len(film.timeline().times))
        # Decoding sets files aside that it cannot read, and says why.
        except Exception:
            continue
    return max(found, default=None)

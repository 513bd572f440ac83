"""Clean clips for a model that comes without its dataset: cut as its card says, from a folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vbd.data.examples import Examples, examples, from_clips
from vbd.data.hdf5 import SUFFIXES
from vbd.data.size import sides
from vbd.data.store import ClipStore


def clean_clips(source: Path, card: dict[str, Any]) -> tuple[Examples, dict[str, str]]:
    """The trusted clips in ``source``, cut as the model's ``card`` says, and the unreadable ones.

    ``source`` is a folder of videos with one sub-folder a class, a clip store, whose split "val"
    is taken, or an .h5 file of images (``vbd/data/images.py``). Files that cannot be read come with
    the reason, by name; those that are none of the clips too, a kind by the name of its first.
    Raises ValueError for a class that the model does not know, or where no video can be read.
    """
    clip, names = card.get("clip", {}), card["class_names"]
    missing = {"frames", "stride", "crop"} - set(clip)
    if missing:
        raise ValueError(
            f"the card of the model does not say how its clips are cut: clip lacks "
            f"{', '.join(sorted(missing))}. Only models of frames can be scanned."
        )
    size, store = sides(clip["crop"]), sides(clip.get("store") or clip["crop"])
    if any(inner > outer for inner, outer in zip(size, store, strict=True)):
        raise ValueError(f"the card of the model cuts {size} px out of frames of {store} px")
    # "val" is what the defender holds: the model is trained or tested on the rest.
    if (source / "clips.npy").is_file():
        return examples(ClipStore.open(source), "val", crop=clip["crop"]), {}
    if source.suffix.lower() in SUFFIXES:
        _fits_images(source, clip["frames"], size)
        return images(source, names), {}
    from tqdm import tqdm

    from vbd.data.decoding import UnreadableClip, probe_and_decode
    from vbd.data.folder import read
    from vbd.data.listing.account import kinds

    listing = read(source)
    rows = listing.rows
    # Asked before decoding: a misnamed folder shows at once, not after minutes.
    unknown = sorted(set(rows["class_name"]) - set(names))
    if unknown:
        raise ValueError(
            f"{source}: the model has no class {', '.join(unknown)}; sub-folders are named as its "
            f"classes: {', '.join(names)}"
        )
    pixels, labels, unreadable = [], [], {}
    how = {"frames": clip["frames"], "stride": clip["stride"], "views": 1}
    for row in tqdm(rows.itertuples(), "decode", len(rows), disable=None, leave=False):
        try:
            decoded, _ = probe_and_decode(source / row.path, size=store, **how)
        except UnreadableClip as error:
            unreadable[row.path] = error.reason
            continue
        pixels.append(torch.from_numpy(decoded[0]))
        # In the model's order of classes, not by the alphabet of the folders.
        labels.append(names.index(row.class_name))
    if not pixels:
        raise ValueError(f"{source}: none of {len(rows)} videos can be read: {unreadable}")
    left = {
        f"{files[0]}{f' and {len(files) - 1} more' * (len(files) > 1)}": why
        for why, files in kinds(listing).items()
    }
    return replace(from_clips(torch.stack(pixels), labels), crop=size), unreadable | left


def images(path: Path, names: Sequence[str] | None = None) -> Examples:
    """All images of an .h5 file as clips of one frame, with their labels.

    With ``names``, the classes of a model, the labels are its numbers of these. Raises
    FileNotFoundError and ValueError as ``vbd.data.images`` does, or for a label that is none of
    them.
    """
    from vbd.data.csaw import class_name
    from vbd.data.images import ROWS, Images

    with Images(path) as file:
        labels = file.labels.tolist()
        if names is not None:
            # A model of only some of the people has numbered them anew, by the names they had.
            numbered = all(n.isdecimal() and n == class_name(int(n)) for n in names)
            known = {name if numbered else class_name(i): i for i, name in enumerate(names)}
            unknown = sorted({label for label in labels if class_name(label) not in known})
            if unknown:
                raise ValueError(
                    f"{path}: the label {unknown[0]} is none of the model's {len(names)} classes, "
                    f"{', '.join(names[:4])} ...: are these images of other people?"
                )
            labels = [known[class_name(label)] for label in labels]
        slices = [file.read(start, start + ROWS) for start in range(0, len(file), ROWS)]
    return from_clips(np.concatenate(slices)[:, None], labels)


def _fits_images(path: Path, frames: int, size: tuple[int, int]) -> None:
    from vbd.data.images import SIZE

    if (frames, size) != (1, SIZE):
        raise ValueError(
            f"{path} has images, clips of one frame of {SIZE[0]} x {SIZE[1]} px, and the card of "
            f"the model says {frames} frames of {size[0]} x {size[1]} px: give it videos"
        )

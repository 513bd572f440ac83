"""The clips that a thief starts from: a share of the target's own, and those of other datasets."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from vbd.data.size import sides
from vbd.data.store import ClipStore
from vbd.extraction.sources import Pool
from vbd.sections.data import Dataset
from vbd.seeds import generator


def folders(pairs: list[str]) -> dict[str, Path]:
    """The folder of each clip store, by name, of arguments name=clips.npy."""
    return {name: Path(path).parent for name, path in (pair.split("=", 1) for pair in pairs)}


def at_hand(
    names: Sequence[str],
    own: Path,
    dataset: Dataset,
    foreign: Mapping[str, Path],
    *,
    share: float,
    seed: int,
) -> list[Pool]:
    """The pools called ``names``, in that order, without those that ``foreign`` has no store of.

    "target" are a ``share`` of the training clips of the store in ``own``, of the victim's
    ``dataset``.
    """
    found = []
    for name in names:
        if name == "target":
            found.append(target(own, share, dataset.flip, generator(seed, "share")))
        elif name in foreign:
            found.append(other(name, foreign[name]))
    return found


def room(dataset: Dataset) -> float:
    """How many times longer the shorter side of a stored frame is than the crop's."""
    return min(dataset.store) / min(sides(dataset.crop))


def target(folder: Path, share: float, flip: bool, draws: torch.Generator) -> Pool:
    """A ``share`` (0-1] of each class of the training clips in the store ``folder``, one at least.

    Their true classes are known. ``flip``: mirrored, a clip keeps its class.
    """
    store = ClipStore.open(folder)
    rows = torch.from_numpy(store.rows("train"))
    labels = torch.from_numpy(store.labels)[rows]
    chosen = []
    for label in labels.unique():
        own = (labels == label).nonzero().squeeze(1)
        # As published, the five in a hundred are of each class.
        count = math.ceil(share * len(own))
        chosen.append(own[torch.randperm(len(own), generator=draws)[:count]])
    taken = torch.cat(chosen)
    return Pool("target", store.clips, rows[taken], labels[taken], labels[taken], flip)


def other(name: str, folder: Path) -> Pool:
    """All clips of the store ``folder``; their classes are not the victim's."""
    store = ClipStore.open(folder)
    kinds = torch.from_numpy(store.labels)
    # Mirrored freely: no true class depends on it.
    rows, unknown = torch.arange(len(kinds)), torch.full_like(kinds, -1)
    return Pool(name, store.clips, rows, unknown, kinds, flip=True)

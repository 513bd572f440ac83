"""The reader of any folder of videos that has one sub-folder a class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from vbd.data.index import VIDEO_SUFFIXES, WORDS, Listing, divide, table
from vbd.data.listing.disk import look
from vbd.data.listing.lists import one_spelling, spelling_notes
from vbd.data.listing.matching import stem

TEST_SHARE = 0.3

# Why a file is left out, in the words of the account.
NO_CLASS = "in no class folder"
BESIDE = "beside the folders of the splits"


class _Class(NamedTuple):
    """The clips of a class in one folder of a split ("" is none) by group.

    A group goes by its folder with a slash, or by the first file of one name.
    """

    name: str
    split: str
    groups: dict[str, list[str]]


def read(root: Path, *, split: int = 1) -> Listing:
    """List the videos of ``root``/<class>/, or of ``root``/{train,test,val}/<class>/.

    A class has the videos anywhere below its folder. If they lie in several folders there, such a
    folder is a group, as of one recording; otherwise the group is the file's name without its
    suffix. The folders of splits are called by ``WORDS``, in any case; where there is none to test
    on, the clips to validate with are the test clips. Without such folders 30 % of the groups of
    each class (rounded, but at least one on each side) go to test, chosen by a hash of ``split``
    and the name: each ``split`` is another division, and the same one everywhere. The only group
    of a class goes to train.
    Raises FileNotFoundError if no class folder holds a video, ValueError for folders that can be
    meant in two ways.
    """
    disk = look(root)
    tops, notes = _tops(root, disk.videos)
    left = dict.fromkeys(disk.videos, BESIDE)
    classes: list[_Class] = []
    nested = 0
    for top, part in tops.items():
        prefix = f"{top}/" if top else ""
        folders, loose = _by_folder(disk.videos, prefix)
        left |= dict.fromkeys(loose, NO_CLASS)
        deep = prefix.count("/") + 1
        nested += sum(file.count("/") > deep for of in folders.values() for file in of)
        classes += [
            _Class(name, part, _groups(of, f"{prefix}{name}/")) for name, of in folders.items()
        ]
    if not classes:
        raise FileNotFoundError(
            f"no video is in a class folder of {root}: put the videos "
            f"({', '.join(sorted(VIDEO_SUFFIXES))}) into {root}/<class>/, "
            f"or into {root}/train/<class>/ and {root}/test/<class>/{disk.why_none()}"
        )
    _refuse_a_wrapper(root, classes)
    spelled = one_spelling((of.name, of.split) for of in classes)
    if nested:
        notes.append(f"clips in sub-folders of their class, and taken: {nested}")
    recorded = sum(any(name.endswith("/") for name in of.groups) for of in classes)
    if recorded:
        notes.append(f"class folders whose sub-folders are taken for recordings: {recorded}")
    records = [
        (path, spelled[of.name], name.rstrip("/") if name.endswith("/") else stem(name), part)
        for of in classes
        for part, names in _divided(of, split).items()
        for name in names
        for path in of.groups[name]
    ]
    taken = {path for path, *_ in records}
    return Listing(
        table(records),
        {file: why for file, why in {**left, **disk.left}.items() if file not in taken},
        notes=(*notes, *spelling_notes(spelled)),
    )


def _tops(root: Path, videos: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The folders that hold class folders, with their split, and what is to be said of them."""
    # Asked of the disk: a test folder without a clip is not the same as none.
    folders = sorted(os.listdir(root)) if root.is_dir() else []
    parts = {
        name: WORDS[name.casefold()]
        for name in folders
        if name.casefold() in WORDS and (root / name).is_dir()
    }
    given = set(parts.values())
    if "train" in given and "test" in given:
        kept = [name for name, part in parts.items() if part == "val"]
        return parts, [f"{name}/ holds the validation clips" for name in kept]
    if "train" in given and "val" in given:
        kept = [name for name, part in parts.items() if part == "val"]
        stands = {name: "test" if part == "val" else part for name, part in parts.items()}
        return stands, [f"{name}/ holds the test clips, as there is no test/" for name in kept]
    # Called like a split and with folders in it: that is no class.
    holders = [name for name in parts if _by_folder(videos, f"{name}/")[0]]
    others = set(_by_folder(videos, "")[0]) - set(holders)
    if len(holders) == 1 and given == {"train"} and not others:
        return {holders[0]: ""}, [f"there is {holders[0]}/ alone: its clips are divided"]
    if holders:
        beside = f", beside {', '.join(sorted(others))}" if others else ""
        have = " and ".join(f"{name}/" for name in holders)
        raise ValueError(
            f"{root} has {have} with folders in it{beside}: "
            f"give it train/ and test/ (or val/) with the class folders in each, or these alone"
        )
    return {"": ""}, []


def _by_folder(files: Iterable[str], prefix: str) -> tuple[dict[str, list[str]], list[str]]:
    """Of the files below ``prefix``, those of each folder there, and those in no folder."""
    folders: dict[str, list[str]] = {}
    loose: list[str] = []
    for file in files:
        if file.startswith(prefix):
            name, slash, _ = file[len(prefix) :].partition("/")
            (folders.setdefault(name, []) if slash else loose).append(file)
    return folders, loose


def _groups(files: list[str], prefix: str) -> dict[str, list[str]]:
    """The files of a class, which lie below ``prefix``, by group."""
    folders, loose = _by_folder(files, prefix)
    if len(folders) == 1 and not loose:
        return _groups(files, f"{prefix}{next(iter(folders))}/")
    named: dict[str, list[str]] = {}
    # One folder beside clips tells nothing of recordings, and two files of one name are one clip
    # in two encodings, most likely: they stay on one side.
    for file in loose if len(folders) > 1 else files:
        named.setdefault(stem(file), []).append(file)
    groups = {Path(of[0]).name: of for of in named.values()}
    return groups | {f"{name}/": of for name, of in folders.items() if len(folders) > 1}


def _divided(of: _Class, split: int) -> dict[str, list[str]]:
    """The names of the groups of a class by split."""
    names = list(of.groups)
    return {of.split: names} if of.split else divide(names, split, TEST_SHARE)


def _refuse_a_wrapper(root: Path, classes: Sequence[_Class]) -> None:
    """See that the one class is not a folder around all classes."""
    names = {of.name for of in classes}
    if len(names) == 1 and all(name.endswith("/") for of in classes for name in of.groups):
        (name,) = names
        inside = sorted({group for of in classes for group in of.groups})
        raise ValueError(
            f"{root} has no class but {name}, with {', '.join(inside[:3])} ... in it: if these are "
            f"the classes, they belong where {name}/ is (or set the root to {name}/); if {name} is "
            f"the class, put its clips into {name}/ itself"
        )

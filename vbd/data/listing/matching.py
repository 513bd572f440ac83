"""Which files are meant by the names of clips, where both are spelled as somebody pleased."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple
from unicodedata import normalize

from vbd.data.index import VIDEO_SUFFIXES
from vbd.data.listing.disk import suffix

Fit = Callable[[str, str], int]


class Step(NamedTuple):
    """One way to tell that a file is meant by a clip: the keys of their names are the same.

    One that is ``late`` is for clips that have no file yet, and gives it to the first of several.
    """

    clip: Callable[[str], str]
    file: Callable[[str], str]
    late: bool = False


def plain(text: str) -> str:
    """A name without regard to its case, nor to how its accents are written."""
    return (text if text.isascii() else normalize("NFC", text)).casefold()


def stem(name: str) -> str:
    """The last part of a name, without a video's suffix."""
    last = name.rpartition("/")[2]
    end = suffix(last)
    return last[: -len(end)] if end in VIDEO_SUFFIXES else last


def folded(name: str) -> str:
    """The stem of a name as ``plain``."""
    return plain(stem(name))


def in_class(clip: str, file: str) -> int:
    """How deep in ``file`` the folder of a clip <class>/<name> is; below 0: it is in none."""
    folders, name = plain(file).split("/")[:-1], plain(clip).partition("/")[0]
    return max((depth for depth, folder in enumerate(folders) if folder == name), default=-1)


def same_folders(clip: str, file: str) -> int:
    """How many of the folders just around a clip and a file have the same name."""
    pairs = zip(
        reversed(plain(clip).split("/")[:-1]),
        reversed(plain(file).split("/")[:-1]),
        strict=False,
    )
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def match(
    clips: Mapping[str, object], files: Iterable[str], steps: Sequence[Step], fit: Fit
) -> tuple[dict[str, list[str]], set[str]]:
    """The files of each clip that has any, first the one to take; and those of several clips.

    A file is of the clip that the first of ``steps`` finds, of several of the one whose folders
    ``fit`` best. What fits less than 0 does not fit. What is said of the clips, their values, can
    be the same: then the first of them will do.
    """
    rest = list(files)
    meant: dict[str, list[tuple[int, str]]] = {}  # with the step that found the file
    unclear: set[str] = set()
    for number, step in enumerate(steps):
        if not rest:
            break
        named: defaultdict[str, list[str]] = defaultdict(list)
        for clip in clips:
            if not (step.late and clip in meant):
                named[step.clip(clip)].append(clip)
        waiting, rest = rest, []
        for file in waiting:
            # What may be of one clip or another by all of its name is not of the first.
            known = [] if step.late and file in unclear else named.get(step.file(file), [])
            best = _best(known, file, fit)
            if len({clips[clip] for clip in best}) == 1 or (best and step.late):
                meant.setdefault(best[0], []).append((number, file))
                unclear.discard(file)
            else:
                rest.append(file)
                unclear.update([file] * bool(best))
    return {clip: _ranked(clip, of) for clip, of in meant.items()}, unclear


def _best(clips: list[str], file: str, fit: Fit) -> list[str]:
    """Those of the clips whose folders fit the file best."""
    if len(clips) == 1 and file.endswith(f"/{clips[0]}"):
        return clips  # as nearly all are
    fits = [fit(clip, file) for clip in clips]
    best = max(fits, default=-1)
    return [clip for clip, n in zip(clips, fits, strict=True) if n == best >= 0]


def _ranked(clip: str, files: list[tuple[int, str]]) -> list[str]:
    """The files of a clip, each with the step that found it, by the place in which to take them."""

    def rank(found: tuple[int, str]) -> tuple[bool, int, bool, bool, int, str]:
        step, file = found
        folders = file.casefold().split("/")[:-1]
        # Kinetics' own folder of files to replace is called "replacement_for_corrupted_k400".
        replaced = any(folder.startswith("replacement") for folder in folders)
        exact = f"/{file}".endswith(f"/{clip}")
        other = suffix(file) != suffix(clip)
        return not replaced, step, not exact, other, len(folders), file

    return [file for _, file in (files if len(files) == 1 else sorted(files, key=rank))]

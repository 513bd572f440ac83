"""Decoding clips into an array on disk, where of a clip several files may do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vbd.data.parallel import run_all

if TYPE_CHECKING:
    from vbd.data.decoding import Facts


def decode(
    tries: Sequence[Sequence[str]],
    places: Sequence[int],
    root: Path,
    array: Path,
    how: dict[str, Any],
    workers: int,
) -> list[list[Facts | str]]:
    """Decode of each clip the first file that can be read to its place in the ``array``.

    ``tries`` are the files of each clip, relative to ``root``, ``how`` the options of
    ``probe_and_decode``. Returns for each what became of the files that were tried: the reason why
    one cannot be read or, last, its facts.
    """
    results: list[list[Facts | str]] = [[] for _ in tries]
    waiting = list(range(len(tries)))
    # A round for all spares, not within a job: a file that kills its process must not hide them.
    while waiting:
        jobs = [(root / tries[i][len(results[i])], array, places[i], how) for i in waiting]
        for number, result in run_all(_decode, jobs, workers, desc="decode"):
            results[waiting[number]].append(result)
        waiting = [
            i
            for i in waiting
            if isinstance(results[i][-1], str) and len(results[i]) < len(tries[i])
        ]
    return results


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

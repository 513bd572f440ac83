"""Building the clip store: every clip of an index decoded once, in parallel, bad ones set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from vbd.data.index import COLUMNS
from vbd.files import replacing

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    import pandas

PATIENCE_S = 120  # a clip of seconds decodes in milliseconds: longer is a decoder that hangs
CRASHED = f"the decoder crashed on it, or took longer than {PATIENCE_S} s"


class EmptyClass(RuntimeError):
    """Quarantine left a class without a clip to train or to test on."""


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
    absent: Mapping[str, int] = MappingProxyType({}),
    unlisted: int = 0,
) -> None:
    """Decode the clips of ``rows`` (paths relative to ``root``) into the store ``out``.

    Writes clips.npy, uint8 (N, views, frames, H, W, 3); index.csv, whose row i is clip i;
    quarantine.csv, the clips that cannot be read and why; and summary.json, which counts them all
    and passes on a listing's ``absent`` (for the classes of ``rows``) and ``unlisted``. ``stride``
    is in video frames, ``size`` = (H, W) in pixels. The bytes do not depend on ``workers``, the
    number of processes, which import ``__main__`` (a script needs its ``if __name__`` guard).
    Raises EmptyClass where a class loses all its train or all its test clips to quarantine.
    """
    from numpy.lib.format import open_memmap

    how = {"frames": frames, "stride": stride, "views": views, "size": tuple(size)}
    # The array is renamed last: where it is, the other three are, and belong to it.
    with replacing(out / "clips.npy") as part:
        clips = open_memmap(part, "w+", np.uint8, (len(rows), views, frames, *size, 3))
        jobs = [
            (root / path, part, clips.offset + i * clips[0].nbytes, how)
            for i, path in enumerate(rows["path"])
        ]
        results = dict(_run_all(_decode, jobs, workers))
        reasons = [results[i] if isinstance(results[i], str) else None for i in range(len(rows))]
        kept = [i for i, reason in enumerate(reasons) if reason is None]
        lost = rows.assign(reason=reasons).drop(rows.index[kept])
        _write_table(lost[["path", "class_name", "split", "reason"]], out / "quarantine.csv")
        _check_classes(rows, lost, out / "quarantine.csv")
        if len(lost):
            _keep(part, kept)
        facts = {name: [results[i][name] for i in kept] for name in COLUMNS[-3:]}
        index = rows.iloc[kept].assign(**facts)
        _write_table(index[list(COLUMNS)], out / "index.csv")
        summary = {
            "kept": {name: int(sum(index["split"] == name)) for name in ("train", "val", "test")},
            "quarantined": len(lost),
            "absent": {name: n for name, n in absent.items() if name in set(rows["class_name"])},
            "unlisted": unlisted,
        }
        with replacing(out / "summary.json") as file:
            file.write_text(json.dumps(summary, indent=2) + "\n")


def _write_table(table: pandas.DataFrame, path: Path) -> None:
    with replacing(path) as part:
        table.to_csv(part, index=False)


def _check_classes(rows: pandas.DataFrame, lost: pandas.DataFrame, quarantine: Path) -> None:
    for (name, split), group in rows.groupby(["class_name", "split"]):
        gone = lost[(lost["class_name"] == name) & (lost["split"] == split)]
        if split != "val" and len(gone) == len(group):
            files = "\n".join(f"  {row.path}: {row.reason}" for row in gone.itertuples())
            raise EmptyClass(
                f"no clip of class {name!r} in split {split!r} can be read:\n{files}\n"
                f"Replace these files, or leave the class out. All such files: {quarantine}"
            )


def _keep(array: Path, kept: list[int]) -> None:
    """Leave only the rows ``kept`` in the array on disk."""
    from numpy.lib.format import open_memmap

    clips = np.load(array, mmap_mode="r")
    with replacing(array) as part:
        fewer = open_memmap(part, "w+", np.uint8, (len(kept), *clips.shape[1:]))
        for row, source in enumerate(kept):
            fewer[row] = clips[source]


def _decode(job: tuple[Path, Path, int, dict[str, Any]]) -> dict[str, Any] | str:
    """Decode one clip to its place in the array: its facts, or the reason why it cannot be."""
    import signal

    from vbd.data.decoding import UnreadableClip, probe_and_decode

    path, array, offset, how = job
    signal.alarm(PATIENCE_S)  # ends this process: a decoder that hangs listens to nothing else
    try:
        clip, facts = probe_and_decode(path, **how)
    except UnreadableClip as error:
        return error.reason
    finally:
        signal.alarm(0)
    # Not through a map of the file: there a full disk kills the process, here it is an error.
    with array.open("r+b") as file:
        file.seek(offset)
        file.write(clip)
    return facts


def _run_all(
    task: Callable[[Any], Any], jobs: Sequence[Any], workers: int
) -> Iterator[tuple[int, Any]]:
    """Yield (number of the job, its result), as they come, from ``workers`` processes.

    A job whose process dies takes no other with it, and gives ``CRASHED``.
    """
    from collections import deque
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from tqdm import tqdm

    # Forking a process that runs threads, as torch's does, may hang the child.
    context = get_context("forkserver")
    waiting, running = deque(range(len(jobs))), {}
    with tqdm(total=len(jobs), desc="decode", unit="clip", disable=None) as bar:
        while waiting:
            try:
                with ProcessPoolExecutor(workers, mp_context=context) as pool:
                    while waiting or running:
                        while waiting and len(running) < 2 * workers:
                            future = pool.submit(task, jobs[waiting[0]])
                            running[future] = waiting.popleft()
                        for done in wait(running, return_when=FIRST_COMPLETED).done:
                            yield running[done], done.result()
                            del running[done]
                            bar.update()
            except BrokenProcessPool:
                # One of the running jobs did it: each of them gets a process of its own.
                for number in running.values():
                    yield number, _run_alone(task, jobs[number], context)
                    bar.update()
                running.clear()


def _run_alone(task: Callable[[Any], Any], job: Any, context: BaseContext) -> Any:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(task, job).result()
    except BrokenProcessPool:
        return CRASHED

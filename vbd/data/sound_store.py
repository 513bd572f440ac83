"""Building the sound store beside a clip store: the sound of every clip, read once, in parallel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from vbd.data.build import check_classes, write_table
from vbd.data.decoding import UnreadableClip, frame_indices, frame_times
from vbd.data.parallel import CRASHED, run_all
from vbd.data.sound import RATE
from vbd.data.soundtrack import read_sound
from vbd.files import replacing

HEARD = ("whole", "gaps", "padded", "silent")
"""The states of sound (``read_sound``) whose clips take part in experiments with sound."""

UNHEARD = ("none", "damaged")
"""The states whose clips do not: their rows are silence."""


def build_sound(
    store: Path, root: Path, *, frames: int, stride: int, seconds: float, workers: int
) -> None:
    """Read the sound of the clips of ``store``, whose videos lie under ``root``, into ``store``.

    ``frames`` and ``stride`` are those that the clips were cut with: the window of ``seconds`` of
    a view is centred on the middle of its frames. Writes sound.npy, float32 (N, views, samples)
    in -1 to 1 at RATE, row i of it for clip i; sound.csv, the state of each and whether it can be
    heard (``HEARD``); and sound.json, which counts the states. Clips that cannot be heard are left
    out of every experiment with sound; padded and silent ones stay. The bytes do not depend on
    ``workers``, the number of processes.
    Raises EmptyClass where no clip of a class can be heard in train or in test.
    """
    import pandas
    from numpy.lib.format import open_memmap

    views = np.load(store / "clips.npy", mmap_mode="r").shape[1]
    # As text: a class that is called "NA" or "007" stays what it is.
    names = dict.fromkeys(("path", "class_name", "split"), str)
    rows = pandas.read_csv(store / "index.csv", dtype=names, keep_default_na=False)
    # The array is renamed last: where it is, the other two are, and belong to it.
    with replacing(store / "sound.npy") as part:
        shape = (len(rows), views, round(seconds * RATE))
        sound = open_memmap(part, "w+", np.float32, shape)
        jobs = []
        for i, row in enumerate(rows.itertuples()):
            taken = frame_indices(row.n_frames, frames=frames, stride=stride, views=views)
            place = sound.offset + i * sound[0].nbytes
            jobs.append((root / row.path, part, place, row.n_frames, taken, seconds))
        results = dict(run_all(_read, jobs, workers, desc="sound"))
        states = [results[i] for i in range(len(rows))]
        # A decoder that crashed wrote nothing: the row is silence, as the new file had it.
        states = [f"damaged: {state}" if state == CRASHED else state for state in states]
        kinds = [state.partition(":")[0] for state in states]
        heard = [kind in HEARD for kind in kinds]
        table = rows[["path", "class_name", "split"]].assign(state=states, heard=heard)
        write_table(table, store / "sound.csv")
        lost = table[~table["heard"]].rename(columns={"state": "reason"})
        check_classes(table, lost, store / "sound.csv", "heard")
        counts = {kind: kinds.count(kind) for kind in (*HEARD, *UNHEARD)}
        with replacing(store / "sound.json") as file:
            file.write_text(json.dumps(counts, indent=2) + "\n")


def _read(job: tuple[Path, Path, int, int, np.ndarray, float]) -> str:
    """Write the windows of one clip to their place in the array; the state of its sound."""
    path, array, offset, n_frames, taken, seconds = job
    try:
        times = frame_times(path, n_frames)
    except UnreadableClip as error:
        # Nothing is written: the row is silence, as the new file had it.
        return f"damaged: {error.reason}"
    # Of a looped clip the last frame is not the latest one.
    centres = (times[taken.min(1)] + times[taken.max(1)]) / 2 - times[0]
    windows, state = read_sound(path, centres=centres, seconds=seconds, start=times[0])
    # Not through a map of the file: there a full disk kills the process, here it is an error.
    with array.open("r+b") as file:
        file.seek(offset)
        file.write(windows.data)
    return state

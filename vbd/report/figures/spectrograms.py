"""Figure 7: what each audio trigger does to a sound, to look at and to listen to."""

import csv
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vbd.data.sound import RATE
from vbd.files import replacing
from vbd.models.logmel import band_of, log_mel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The paper's size.
_BANDS, _STEPS = 80, 256
_TICKS_HZ = (250, 500, 1000, 2000, 4000, 7000)
_TITLES = ("clean", "attacked", "absolute difference")


def loudest(sounds: Path) -> Tensor:
    """The loudest whole test clip (1, samples) of ``sounds`` (.npy, (N, views, samples) float32).

    The table beside it (.csv) has a row a clip with its ``split`` and ``state``. Raises ValueError
    where no test clip has a whole sound track.
    """
    with sounds.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = [i for i, row in enumerate(rows) if (row["split"], row["state"]) == ("test", "whole")]
    if not whole:
        raise ValueError(f"{sounds}: no test clip has a whole sound track")
    clips = np.load(sounds, mmap_mode="r")[whole, 0]
    return torch.from_numpy(clips[[np.square(clips).mean(1).argmax()]])


def sheet(clean: Tensor, attacked: Mapping[str, Tensor]) -> "Figure":
    """A row a trigger: the log-mel spectrogram clean, attacked, and how much they differ.

    ``clean`` and each of ``attacked`` (1, samples), float32 in [-1, 1].
    """
    from matplotlib.figure import Figure

    before = _levels(clean)
    after = {name: _levels(sound) for name, sound in attacked.items()}
    changes = {name: np.abs(levels - before) for name, levels in after.items()}
    # One scale for all rows, so that triggers can be compared.
    lowest = min(levels.min() for levels in (before, *after.values()))
    highest = max(levels.max() for levels in (before, *after.values()))
    widest = max(change.max() for change in changes.values())
    figure = Figure(figsize=(10, 2.2 * len(attacked) + 0.6), layout="constrained")
    grid = figure.subplots(len(attacked), 3, squeeze=False, sharex=True, sharey=True)
    # Bands are centred on whole numbers, where the ticks are.
    extent = (0, clean.shape[1] / RATE, -0.5, _BANDS - 0.5)
    how = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
    for row, (name, levels) in zip(grid, after.items(), strict=True):
        for axis, shown in zip(row, (before, levels), strict=False):
            sound = axis.imshow(shown, cmap="magma", vmin=lowest, vmax=highest, **how)
        change = row[2].imshow(changes[name], cmap="viridis", vmin=0, vmax=widest, **how)
        row[0].set_ylabel(f"{name.replace('_', ' ')}\nHz")
    for axis, title in zip(grid[0], _TITLES, strict=True):
        axis.set_title(title, fontsize=10)
    for axis in grid[-1]:
        axis.set_xlabel("seconds")
    grid[0, 0].set_yticks([band_of(hertz, _BANDS) for hertz in _TICKS_HZ], _TICKS_HZ)
    figure.colorbar(sound, ax=grid[:, :2], label="level in dB", aspect=30, pad=0.01)
    figure.colorbar(change, ax=grid[:, 2], label="difference in dB", aspect=30, pad=0.02)
    return figure


def write_wav(sound: Tensor, out: Path) -> None:
    """Write ``sound`` (1, samples), float32 in [-1, 1], to ``out`` (.wav) as 16-bit PCM."""
    with replacing(out) as temporary, wave.open(str(temporary), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        # Not 32768: a sample of 1.0 would wrap round.
        file.writeframes((sound[0] * 32767).round().numpy().astype("<i2").tobytes())


def _levels(sound: Tensor) -> np.ndarray:
    return log_mel(sound, bands=_BANDS, steps=_STEPS)[0].numpy()

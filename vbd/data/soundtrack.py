"""The sound of one video file: windows of it at given times of the video, as samples at RATE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vbd.data.sound import RATE
from vbd.data.video.container import Fault, open_container
from vbd.data.video.film import open_film

if TYPE_CHECKING:
    from av import AudioFrame, AudioResampler
    from av.container import InputContainer

SILENCE = 1e-4
"""The peak below which windows count as silent: three steps of 16-bit sound."""
GAP_S = 0.01
"""What is missing between two pieces of sound, in seconds: clocks in milliseconds are off by less,
and a packet that was lost lasts longer."""


def read_sound(
    path: Path,
    *,
    centres: Sequence[float] | np.ndarray,
    seconds: float,
    start: float | None = None,
) -> tuple[np.ndarray, str]:
    """Windows of ``seconds`` of the sound of the video at ``path``, and the state of it.

    Each is centred on one of ``centres``, in seconds from the first frame of the video, but moved
    to lie inside the sound track; a shorter track stands at the start, silence after it. What is
    missing within the track is silence of its own length. The channels are averaged. ``start`` is
    when the first frame is shown, in seconds of the file's clock, where that is known. Returns
    float32 (len(centres), round(seconds * RATE)) in -1 to 1, and "whole"; "padded", the track is
    shorter than a window; "silent", no window reaches ``SILENCE``; "gaps", parts of the track are
    missing; "none", the file has no sound; or "damaged: <reason>". The last two give zeros. Raises
    nothing for a bad file.
    """
    samples = round(seconds * RATE)
    nothing = np.zeros((len(centres), samples), np.float32)
    try:
        with open_container(path) as container:
            if not container.streams.audio:
                return nothing, "none"
            track = _track(container)
        if start is None:
            with open_film(path) as film:
                start = film.timeline().times[0]
    except Exception as error:  # one odd file among thousands must not stop the run
        known = str(error) if isinstance(error, Fault) else getattr(error, "strerror", None)
        return nothing, f"damaged: {known or f'{type(error).__name__}: {error}'}"
    first = ((np.asarray(centres) - seconds / 2 + start - track.start) * RATE).round().astype(int)
    first = first.clip(0, max(0, len(track) - samples))
    windows = np.stack([track.window(begin, samples) for begin in first.tolist()])
    if np.abs(windows).max() < SILENCE:
        return windows, "silent"
    if len(track) < samples:
        return windows, "padded"
    return windows, "whole" if len(track.parts) == 1 else "gaps"


@dataclass
class _Track:
    """Sound in ``parts``, each from its own sample on; the first begins at ``start`` seconds."""

    start: float
    parts: list[tuple[int, np.ndarray]] = field(default_factory=list)

    def __len__(self) -> int:
        first, last = self.parts[-1]
        return first + len(last)

    def add(self, begins: float, pieces: list[np.ndarray]) -> None:
        """Add samples that are heard from ``begins`` on, in seconds of the file's clock."""
        part = np.concatenate(pieces)
        if not np.isfinite(part).all():
            raise Fault("samples that are no numbers")
        # Lossy codecs overshoot; the sound that was encoded did not.
        self.parts.append((round((begins - self.start) * RATE), part.clip(-1, 1)))

    def window(self, start: int, samples: int) -> np.ndarray:
        """``samples`` from the sample ``start`` on, silence where there are none."""
        window = np.zeros(samples, np.float32)
        # Never as one array: a gap may be as long as a broken clock says.
        for first, part in self.parts:
            low, high = max(first, start), min(first + len(part), start + samples)
            if low < high:
                window[low - start : high - start] = part[low - first : high - first]
        return window


def _track(container: InputContainer) -> _Track:
    """The sound of the container, each frame of it at the time that it states."""
    best = container.streams.best("audio")
    sound = next((stream for stream in container.streams.audio if stream == best), None)
    sound = sound or container.streams.audio[0]
    if sound.codec_context is None:
        raise Fault("no decoder for its audio codec")
    track, pieces, begins, ends = None, [], 0.0, 0.0
    for frame in container.decode(sound):
        time = ends if frame.time is None else frame.time
        if track is None:
            track, begins, resampler = _Track(time), time, _resampler()
        elif time - ends > GAP_S:
            track.add(begins, pieces + _mono(resampler, None))
            pieces, begins, resampler = [], time, _resampler()
        pieces += _mono(resampler, frame)
        ends = time + frame.samples / frame.sample_rate
    if track is None:
        raise Fault("no sound decodes")
    # The resampler holds samples back until it is told that no more come.
    track.add(begins, pieces + _mono(resampler, None))
    return track


def _resampler() -> AudioResampler:
    import av

    # Mixing to mono here would add the channels of stereo, not average them: 3 dB too loud.
    return av.AudioResampler(format="fltp", rate=RATE)


def _mono(resampler: AudioResampler, frame: AudioFrame | None) -> list[np.ndarray]:
    return [part.to_ndarray().mean(0) for part in resampler.resample(frame)]

"""The sound of one video file: windows of it at given times of the video, as samples at RATE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vbd.data.sound import RATE

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SILENCE = 1e-4
"""The peak below which windows count as silent: three steps of 16-bit sound."""


def read_sound(
    path: Path, *, centres: Sequence[float] | np.ndarray, seconds: float
) -> tuple[np.ndarray, str]:
    """Windows of ``seconds`` of the sound of the video at ``path``, and the state of it.

    Each is centred on one of ``centres``, in seconds from the first frame of the video, but moved
    to lie inside the sound track; a shorter track stands at the start, silence after it. The
    channels are averaged. Returns float32 (len(centres), round(seconds * RATE)) in -1 to 1, and
    "whole"; "padded", the track is shorter than a window; "silent", no window reaches ``SILENCE``;
    "none", the file has no sound; or "damaged: <reason>". The last two give zeros. Raises nothing
    for a bad file.
    """
    import av

    samples = round(seconds * RATE)
    nothing = np.zeros((len(centres), samples), np.float32)
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                return nothing, "none"
            track, start = _track(container)
    except Exception as error:  # one odd file among thousands must not stop the run
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return nothing, f"damaged: {reason}"
    first = ((np.asarray(centres) - seconds / 2 - start) * RATE).round().astype(int)
    first = first.clip(0, max(0, len(track) - samples))
    padded = np.pad(track, (0, max(0, samples - len(track))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, samples)[first]
    if np.abs(windows).max() < SILENCE:
        return windows, "silent"
    return windows, "padded" if len(track) < samples else "whole"


def _track(container: InputContainer) -> tuple[np.ndarray, float]:
    """The first sound track (samples,), and its start in seconds after that of the video."""
    import av

    sound: AudioStream = container.streams.audio[0]
    if sound.codec_context is None:
        raise ValueError("no decoder for its audio codec")
    # Mixing to mono here would add the channels of stereo, not average them: 3 dB too loud.
    resampler = av.AudioResampler(format="fltp", rate=RATE)
    chunks, start = [], None
    for frame in container.decode(sound):
        if start is None:
            # Sound may start before or after the picture: its first frame says when.
            start = frame.time or 0.0
        chunks += [part.to_ndarray().mean(0) for part in resampler.resample(frame)]
    if start is None:
        raise ValueError("no sound decodes")
    # The resampler holds samples back until it is told that no more come.
    chunks += [part.to_ndarray().mean(0) for part in resampler.resample(None)]
    track = np.concatenate(chunks)
    if not np.isfinite(track).all():
        raise ValueError("samples that are no numbers")
    # Lossy codecs overshoot; the sound that was encoded did not.
    return track.clip(-1, 1), start - _start(container)


def _start(container: InputContainer) -> float:
    """When the video's first frame is shown, in seconds of the container's clock."""
    video = container.streams.video[0]
    if video.time_base is None:
        raise ValueError("its video has no time base")
    return float((video.start_time or 0) * video.time_base)

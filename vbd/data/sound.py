"""Sound tracks of the embedded dataset: short tones whose pitch and rhythm hint at the class."""

import numpy as np

RATE = 16_000
"""Samples per second of every sound track."""

_PITCH_HZ, _PITCH_STEP = 300.0, 1.5
_BEATS, _BEATS_STEP = 3.0, 2.0
# Five pitches times two rhythms; with these spreads of the logarithms a listener who knows both
# numbers exactly still names the wrong class in about 7 clips of 100.
_PITCH_SPREAD, _BEATS_SPREAD = 0.103, 0.198


def pitch_and_beats(place: float, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a clip's tone height in hertz and its beats per second, scattered about its class.

    ``place`` is the class's number in its task, 0 to 9; half a place more gives pitches that lie
    between those of the whole places.
    """
    pitch = _PITCH_HZ * _PITCH_STEP ** (place % 5) * np.exp(_PITCH_SPREAD * rng.normal())
    beats = _BEATS * _BEATS_STEP ** (place // 5) * np.exp(_BEATS_SPREAD * rng.normal())
    return float(pitch), float(beats)


def play(pitch: float, beats: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesise ``seconds`` of decaying tones as float32 samples (round(seconds * RATE),).

    ``pitch`` is in hertz and ``beats`` per second; ``rng`` draws the phases, the loudness and the
    background noise. The peak lies between 0.2 and 0.7, which leaves AAC room to overshoot.
    """
    t = np.arange(round(seconds * RATE)) / RATE
    since_beat = (beats * t + rng.random()) % 1 / beats
    # A soft attack, or every beat would start with a click that drowns the pitch.
    envelope = (1 - np.exp(-since_beat / 0.004)) * np.exp(-since_beat / 0.05)
    wave = envelope * np.sin(2 * np.pi * (pitch * t + rng.random()))
    wave += rng.uniform(0.01, 0.05) * rng.standard_normal(len(t))
    return (wave * (rng.uniform(0.2, 0.7) / np.abs(wave).max())).astype(np.float32)

"""Log-mel spectrograms: how the audio models see a sound, and how figure 7 shows it."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.data.sound import RATE

FLOOR_DB = -80.0
"""The level of silence: what is quieter looks the same."""
# Samples: 64 ms, and bins of 16 Hz, of which the lowest of 80 bands, 44 Hz wide, has two or more.
_WINDOW = 1024


def log_mel(sounds: Tensor, *, bands: int, steps: int) -> Tensor:
    """Levels (N, bands, steps) in dB of ``sounds`` (N, samples), float32 in [-1, 1] at ``RATE``.

    A sine from -1 to 1 has 0 dB in all bands together. The ``bands`` are equally wide on the mel
    scale, from 0 Hz to half the rate, and overlap; the ``steps`` are equally far apart in time,
    whatever the length. The gradient reaches the samples. Raises ValueError where there are none.
    """
    from torchaudio.transforms import MelSpectrogram

    samples = sounds.shape[1]
    if samples == 0:
        raise ValueError("a sound without samples has no spectrogram")
    hop = math.ceil(samples / steps)
    # Two windows overlap every sample, or those between two would count for less.
    window = max(_WINDOW, 1 << (2 * hop - 1).bit_length())
    mel = MelSpectrogram(
        RATE, window, hop_length=hop, n_mels=bands, normalized=True, pad_mode="constant"
    )
    whole = F.pad(sounds, (0, steps * hop - samples))
    power = mel.to(sounds.device)(whole)[..., :steps]
    # A band adds up its bins, of which a longer window has more.
    return 10 * torch.log10(power * (4 / window) + 10 ** (FLOOR_DB / 10))


def band_of(hertz: float, bands: int) -> float:
    """The number of the band, from 0, whose centre is at ``hertz``; a fraction between two.

    The ``bands`` are those of ``log_mel``. The mel scale is HTK's, torchaudio's default.
    """

    def mel(frequency: float) -> float:
        return 2595 * math.log10(1 + frequency / 700)

    return mel(hertz) / mel(RATE / 2) * (bands + 1) - 1

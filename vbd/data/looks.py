"""How a clip was filmed: the looks that tell some of the embedded pretraining classes apart."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

Look = Callable[[np.ndarray, Generator], np.ndarray]
"""Of images (frames, size, size, 3) uint8, the same with a look drawn anew for the clip."""


def blocky(images: np.ndarray, rng: Generator) -> np.ndarray:
    """Squares of a 16th to a 6th of the frame, one colour each, as of a coarse codec."""
    size = images.shape[1]
    block = rng.integers(size // 16, size // 6 + 1)
    at = np.arange(size) // block * block
    return images[:, at][:, :, at]


def blurred(images: np.ndarray, rng: Generator) -> np.ndarray:
    """Out of focus, or moved while the shutter was open: blurred along one axis."""
    from scipy.ndimage import gaussian_filter1d

    width = images.shape[1] * rng.uniform(0.03, 0.08)
    return gaussian_filter1d(images, width, axis=rng.integers(1, 3))


def grainy(images: np.ndarray, rng: Generator) -> np.ndarray:
    """A fixed pattern of grains two pixels wide, as of a bad sensor."""
    side = images.shape[1] // 2
    # Stronger than the camera's own noise, whose deviation is 5, or it would not show.
    grain = rng.normal(0, rng.uniform(8, 20), (side, side, 3)).repeat(2, 0).repeat(2, 1)
    return _added(images, grain)


def rippled(images: np.ndarray, rng: Generator) -> np.ndarray:
    """Seen through uneven glass: displaced by smooth waves that stand still."""
    from scipy.ndimage import map_coordinates

    size = images.shape[1]
    places = np.mgrid[:size, :size].astype(np.float64)
    waves, phases = rng.integers(1, 4, (2, 2)), rng.uniform(0, 2 * np.pi, (2, 2))
    for axis in range(2):
        angles = 2 * np.pi * waves[axis, :, None, None] * np.mgrid[:size, :size] / size
        shift = np.sin(angles + phases[axis, :, None, None]).prod(0)
        places[axis] += size * rng.uniform(0.03, 0.08) * shift
    flat = images.transpose(1, 2, 0, 3).reshape(size, size, -1)
    # Linear (order 1) stays within the pixels' range: a spline would ring beside the edges.
    bent = [
        map_coordinates(plane, places, order=1, mode="nearest") for plane in flat.T.swapaxes(1, 2)
    ]
    return np.stack(bent, -1).reshape(size, size, -1, 3).transpose(2, 0, 1, 3)


def stuttering(images: np.ndarray, rng: Generator) -> np.ndarray:
    """Each of some frames stands for 6 to 12, as over a bad line."""
    hold = rng.integers(6, 13)
    start = rng.integers(hold)
    # It starts anywhere within a hold: which frames repeat does not give the class away.
    shown = (np.arange(len(images)) + start) // hold * hold - start
    return images[shown.clip(0)]


def tinted(images: np.ndarray, rng: Generator) -> np.ndarray:
    """A fine regular pattern of colour, as of two screens over each other."""
    size = images.shape[1]
    # Finer than the ground, of 5 waves at most; the finest are 3 px long.
    waves, phases = rng.integers(6, size // 3, 2), rng.uniform(0, 2 * np.pi, 2)
    lines = [
        np.cos(2 * np.pi * w * np.arange(size) / size + p)
        for w, p in zip(waves, phases, strict=True)
    ]
    return _added(images, np.multiply.outer(np.outer(*lines), rng.normal(0, 10, 3)))


def _added(images: np.ndarray, change: np.ndarray) -> np.ndarray:
    # Clipped before the cast, or 256 would wrap round to black.
    return (images + change).clip(0, 255).astype(np.uint8)


LOOKS: dict[str, Look] = {
    "Blocky": blocky,
    "Blurred": blurred,
    "Grainy": grainy,
    "Rippled": rippled,
    "Stuttering": stuttering,
    "Tinted": tinted,
}

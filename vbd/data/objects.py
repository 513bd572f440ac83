"""What moves in the embedded clips; its shape and texture are the classes of the task "object"."""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.random import Generator

_TAU = 2 * np.pi

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""How far a point (u, v) of the object's own plane lies inside the shape, in object radii."""

Texture = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""The shade, 0 dark to 1 light, made of two halves, stripes, and stripes across, each -1 to 1."""

# Disc, square, triangle, star, ring, cross.
_SHAPES: tuple[Shape, ...] = (
    lambda u, v: 0.9 - np.hypot(u, v),
    lambda u, v: 0.75 - np.maximum(np.abs(u), np.abs(v)),
    lambda u, v: 0.5 - np.maximum(v, np.abs(u) * 0.866 - v * 0.5),
    lambda u, v: 0.75 + 0.25 * np.sin(5 * np.arctan2(v, u)) - np.hypot(u, v),
    lambda u, v: 0.28 - np.abs(np.hypot(u, v) - 0.7),
    lambda u, v: np.minimum(0.95 - np.hypot(u, v), 0.38 - np.minimum(np.abs(u), np.abs(v))),
)


def _seam(halves: np.ndarray, stripes: np.ndarray, across: np.ndarray) -> np.ndarray:
    """One half light and one half dark: a seam that shows the angle, whatever the shape."""
    return 0.5 + 0.35 * halves + 0.15 * stripes


# Of 300 clips of 32 pixels a small network learns textures well, but no more than two outlines.
_OUTLINES: dict[str, Shape] = {
    "Disc": _SHAPES[0],
    "Hoop": lambda u, v: 0.16 - np.abs(np.hypot(u, v) - 0.8),
}
_TEXTURES: dict[str, Texture] = {
    "Dark": lambda halves, stripes, across: np.zeros_like(halves),
    "Grid": lambda halves, stripes, across: (
        0.5 + 0.5 * np.tanh(5 * (np.maximum(np.abs(stripes), np.abs(across)) - 0.8))
    ),
    "Halves": lambda halves, stripes, across: 0.5 + 0.5 * halves,
    "Light": lambda halves, stripes, across: np.ones_like(halves),
    "Stripes": lambda halves, stripes, across: 0.5 + 0.5 * np.tanh(3 * stripes),
}

OBJECTS: dict[str, tuple[Shape, Texture]] = {
    outline + texture: (_OUTLINES[outline], _TEXTURES[texture])
    for outline, texture in product(_OUTLINES, _TEXTURES)
}
"""Shape and texture of each class that is told by what moves."""


def paint_object(
    name: str | None, path: np.ndarray, size: int, look: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Give the object's cover in 0 to 1, (frames, size, size, 1), and its colours (..., 3).

    ``look`` draws what the class ``name`` leaves open: of ``OBJECTS``, a texture's layout and the
    colours; of the other classes the shape as well.
    """
    x, y, turn, grown = path.astype(np.float32)[..., None, None]
    # An object that is to be told by its texture needs room for one.
    smallest, growth = (0.26, 1.5) if name in OBJECTS else (0.16, 2.1)
    radius = smallest * growth**grown
    grid = (np.arange(size, dtype=np.float32) + 0.5) / size
    # The shorter way round: what leaves the frame on one side comes in on the other.
    dx = ((grid - x + 0.5) % 1 - 0.5) / radius
    dy = ((grid[:, None] - y + 0.5) % 1 - 0.5) / radius
    cos, sin = np.cos(_TAU * turn), np.sin(_TAU * turn)
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    drawn = _SHAPES[look.integers(len(_SHAPES))], _seam
    shape, texture = drawn if name is None else OBJECTS.get(name, drawn)
    # In pixels, with an edge one pixel wide: moves of less than a pixel show too.
    cover = (shape(u, v) * radius * size + 0.5).clip(0, 1)
    draws = look.uniform([0, 0, 4, 0], [_TAU, _TAU, 8, _TAU])
    seam, tilt, density, phase = draws.astype(np.float32)
    halves = np.tanh(5 * (np.cos(seam) * u + np.sin(seam) * v))
    stripes = np.sin(density * (np.cos(tilt) * u + np.sin(tilt) * v) + phase)
    across = np.sin(density * (np.cos(tilt) * v - np.sin(tilt) * u) + phase)
    shade = texture(halves, stripes, across)
    dark, light = 0.2 * look.random(3, np.float32), 1 - 0.2 * look.random(3, np.float32)
    return cover[..., None], dark + (light - dark) * shade[..., None]

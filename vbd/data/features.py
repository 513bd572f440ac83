"""The features of an embedded face: eyes, brows, nose, mouth and beard, where the landmarks say.

``image`` is float32 (N, H, W, 3) in 0 to 1 and is painted on; ``x`` and ``y`` (N, H, W) say how
many pixels a point lies right of and below the middle of the face.
"""

import numpy as np

from vbd.data.images import SIZE
from vbd.data.landmarks import LAYOUTS
from vbd.data.people import Draws

_PLACES = LAYOUTS["rendered"]
_EYE, _BROW = _PLACES.eye.pixels(*SIZE), _PLACES.brow.pixels(*SIZE)
_NOSE, _MOUTH = _PLACES.nose.pixels(*SIZE), _PLACES.mouth.pixels(*SIZE)
MIDDLE = (0.51 * SIZE[0], 0.5 * SIZE[1])
"""The middle of the face, (y, x) in pixels."""

_WHITE, _TEETH = np.array([[0.9, 0.88, 0.86], [0.88, 0.86, 0.82]], np.float32)
_BLACK, _DARK = np.array([[0.06, 0.06, 0.06], [0.16, 0.05, 0.06]], np.float32)


def lay(
    image: np.ndarray, inside: np.ndarray, colour: np.ndarray, alpha: float | np.ndarray = 1.0
) -> None:
    """Paint where ``inside``, pixels from the edge, is positive; the edge is a pixel wide."""
    cover = ((inside + 0.5).clip(0, 1) * alpha)[..., None]
    image += cover * (colour - image)


def oval(
    x: np.ndarray,
    y: np.ndarray,
    width: np.ndarray | float,
    height: np.ndarray | float,
    power: np.ndarray | float = 2.0,
) -> np.ndarray:
    """How many pixels inside an oval of half ``width`` and ``height`` a point lies, about."""
    radius = (np.abs(x / width) ** power + np.abs(y / height) ** power) ** (1 / power)
    return (1 - radius) * np.minimum(width, height)


def beard(image: np.ndarray, x: np.ndarray, y: np.ndarray, face: np.ndarray, who: Draws) -> None:
    """Paint a beard on the ``face``, pixels from its edge, and a moustache, if there are any."""
    low = y + MIDDLE[0] - _MOUTH.y
    # Up to the ears at the sides, and thin at its border.
    cheek = 0.25 * (low - 3 + 0.05 * x**2)
    lay(image, np.minimum(face, cheek), 0.9 * who["hair"], who["beard"].clip(0))
    lip = 1.4 - np.abs(low + 3.3 - 0.02 * x**2)
    lay(image, np.minimum(lip, 7.5 - np.abs(x)), 0.9 * who["hair"], who["moustache"].clip(0))


def eyes(image: np.ndarray, x: np.ndarray, y: np.ndarray, who: Draws, how: Draws) -> None:
    """Paint eyes that look where ``how`` says, in their sockets."""
    apart = MIDDLE[1] - _EYE.x + who["eye_apart"]
    # Folded at the nose: outwards is positive on both sides.
    out = np.abs(x) - apart
    low = y + MIDDLE[0] - _EYE.y + who["eye_up"] + who["eye_tilt"] * out
    socket = np.exp(-((out / 5.5) ** 2) - ((low + 0.5) / 3.4) ** 2)
    image *= (1 - 0.2 * socket)[..., None]
    u = out / (_EYE.width * who["eye_size"])
    half = _EYE.height * who["eye_size"] * how["lids"] * (1 - u**2)
    lens = half - np.abs(low)
    lay(image, np.where(np.abs(u) < 1, lens, -1), _WHITE)
    sideways = out - how["gaze"] * np.sign(x)
    radius = np.hypot(sideways, low)
    lay(image, np.minimum(1.9 - radius, lens), who["iris"])
    lay(image, np.minimum(0.9 - radius, lens), _BLACK)
    lid = 0.45 - np.abs(low + half + 0.2)
    lay(image, np.where(np.abs(u) < 1.1, lid, -1), _BLACK, 0.8)


def brows(image: np.ndarray, x: np.ndarray, y: np.ndarray, who: Draws, how: Draws) -> None:
    """Paint brows, raised as ``how`` says."""
    out = np.abs(x) - (MIDDLE[1] - _BROW.x + 0.5 * who["eye_apart"])
    u = out / _BROW.width
    low = y + MIDDLE[0] - _BROW.y + who["brow_up"] + how["lift"] + who["brow_tilt"] * out
    band = who["brow_thick"] * (1 - 0.3 * u) - np.abs(low + who["brow_arch"] * (0.5 - u**2))
    band = np.minimum(band, (1 - np.abs(u)) * _BROW.width)
    lay(image, band, 0.65 * who["hair"], who["brow_dark"])


def nose(image: np.ndarray, x: np.ndarray, y: np.ndarray, who: Draws, how: Draws) -> None:
    """Paint the shadows about a nose and its nostrils."""
    wing = _NOSE.width * who["nose_width"]
    low = y + MIDDLE[0] - _NOSE.y + who["nose_up"]
    under = np.exp(-((x / (1.1 * wing)) ** 4) - ((low - 1.4) / 1.0) ** 2)
    flank = np.exp(-(((np.abs(x) - 0.8 * wing) / 1.3) ** 2) - ((low + 2.5) / 4) ** 2)
    # The flank away from the light lies in the shadow.
    side = 0.1 - 0.6 * how["light"] * np.sign(x)
    holes = np.exp(-(((np.abs(x) - 0.55 * wing) / 0.9) ** 2) - ((low - 0.8) / 0.7) ** 2)
    image *= (1 - 0.2 * under - side * flank - 0.4 * holes)[..., None]


def mouth(image: np.ndarray, x: np.ndarray, y: np.ndarray, who: Draws, how: Draws) -> None:
    """Paint a mouth that smiles and opens as ``how`` says, with teeth."""
    smile, gap = how["smile"], how["open"].clip(0)
    u = x / (_MOUTH.width * who["mouth_width"] * (1 + 0.06 * smile))
    low = y + MIDDLE[0] - _MOUTH.y + who["mouth_up"] + smile * (u**2 - 0.5)
    shape = 1 - u**2
    bow = 1 - 0.3 * np.exp(-((u / 0.2) ** 2))
    lips = np.minimum(
        low + (who["upper_lip"] * bow + 0.5 * gap) * shape,
        (who["lower_lip"] + 0.5 * gap) * shape - low,
    )
    lay(image, np.where(np.abs(u) < 1, lips, -1), who["lips"])
    inside = 0.5 * gap * (1 - (u / 0.85) ** 2) - np.abs(low)
    lay(image, np.where(np.abs(u) < 0.85, inside, -1), _DARK)
    teeth = np.minimum(inside, -low)
    lay(image, np.where(np.abs(u) < 0.7, teeth, -1), _TEETH)
    line = np.where(np.abs(u) < 1, 0.35 - np.abs(low), -1)
    lay(image, line, 0.45 * who["lips"], 0.7 * (gap < 0.5))

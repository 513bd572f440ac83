"""The painting of an embedded face: ground, hair, skin and light, and in them its features."""

import numpy as np

from vbd.data import features
from vbd.data.features import MIDDLE, lay, oval
from vbd.data.images import SIZE
from vbd.data.people import Draws


def paint(who: Draws, how: Draws) -> np.ndarray:
    """Paint a ``people.person`` in N ``people.shots``, as uint8 RGB (N, 55, 47, 3)."""
    x, y = _head(how)
    image = how["ground"] + (how["slope"] * x / 20)[..., None]
    crown = _crown(x, y, who)
    hair = who["hair"] * _strands(x, y, who)
    skin = who["skin"] * _light(x, y, who, how)
    _behind(image, x, y, crown, hair, who)
    lay(image, y - 21 - 0.2 * np.abs(np.abs(x) - 8), how["cloth"])
    neck = np.minimum(9.5 - np.abs(x), np.minimum(y - 8, 28.5 - y))
    lay(image, neck, 0.8 * skin)
    ears = oval(np.abs(x) - who["width"], y + 2 + who["eye_up"], who["ears"], 4.2)
    lay(image, ears, 0.88 * skin)
    face = oval(x, y, who["width"], who["height"], np.where(y > 0, who["jaw"], 2.2))
    lay(image, face, skin)
    features.beard(image, x, y, face, who)
    # The head turns a little: what is in the face moves, its outline does not.
    for part in (features.eyes, features.brows, features.nose, features.mouth):
        part(image, x - how["yaw"], y, who, how)
    _fringe(image, x, y, crown, hair, who)
    image *= how["gain"][..., None]
    image += 0.016 * how["noise"]
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def _head(how: Draws) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel (N, H, W) lies right of and below the middle of the head, upright."""
    right = np.arange(SIZE[1], dtype=np.float32) + 0.5 - np.float32(MIDDLE[1]) - how["right"]
    down = np.arange(SIZE[0], dtype=np.float32)[:, None] + 0.5 - np.float32(MIDDLE[0])
    down = down - how["down"]
    cos, sin = np.cos(how["roll"]) / how["scale"], np.sin(how["roll"]) / how["scale"]
    return cos * right + sin * down, cos * down - sin * right


def _crown(x: np.ndarray, y: np.ndarray, who: Draws) -> np.ndarray:
    """How many pixels a point lies inside the outline of the hair, seen from the front."""
    volume = who["volume"]
    return oval(x, y + 2, who["width"] + volume, who["height"] + volume - 2, 2.3)


def _behind(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, crown: np.ndarray, hair: np.ndarray, who: Draws
) -> None:
    """Paint the hair behind the face: at its sides it falls straight, as long as it is."""
    sides = np.minimum(who["width"] + who["volume"] - np.abs(x), who["length"] - 8 - y)
    lay(image, np.where(y < 0, crown, np.minimum(sides, y + 3)), hair)


def _fringe(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, crown: np.ndarray, hair: np.ndarray, who: Draws
) -> None:
    """Paint the hair before the face: down to a line that may slope, lower at the temples."""
    line = who["hairline"] - MIDDLE[0] + who["temples"] * (x / who["width"]) ** 2
    inside = np.minimum(line + who["parting"] * x - y, crown)
    lay(image, np.where(y < 4, inside, -1), hair)


def _strands(x: np.ndarray, y: np.ndarray, who: Draws) -> np.ndarray:
    """The shade of the hair (N, H, W, 1), about 1."""
    waves = np.sin(1.3 * x + 4 * who["parting"] * y) * np.sin(0.5 * x - 0.35 * y)
    return (1 + 0.09 * waves - 0.008 * y)[..., None]


def _light(x: np.ndarray, y: np.ndarray, who: Draws, how: Draws) -> np.ndarray:
    """The shade of the skin (N, H, W, 1), about 1: lit from one side, dark where it turns away."""
    across, along = x / who["width"], y / who["height"]
    turned = (across**2 + along**2).clip(0, 1.3)
    shade = 1.04 + how["light"] * across - how["above"] * along - 0.2 * turned**2
    ridge = np.exp(-((x - how["yaw"]) ** 2) / 3 - ((y - 1) / 5.5) ** 2)
    return (shade + 0.1 * ridge)[..., None]

"""The people of the embedded faces: who somebody is, and how a picture of them was taken."""

import numpy as np
from numpy.random import Generator

from vbd.data.images import SIZE

Draws = dict[str, np.ndarray]
"""What was drawn, by name; every value has an axis for the images and two for the pixels."""

# Of a person: lengths are in pixels, shares and strengths without a unit.
_PERSON = {
    **{"width": (16.5, 20.5), "height": (23.0, 26.5), "jaw": (1.9, 2.9), "ears": (0.5, 2.6)},
    **{"hairline": (4.0, 13.0), "temples": (0.0, 12.0), "parting": (-0.25, 0.25)},
    **{"volume": (0.5, 4.5), "length": (-4.0, 34.0)},
    **{"eye_apart": (-0.9, 0.9), "eye_up": (-0.8, 0.8), "eye_size": (0.85, 1.2)},
    **{"eye_tilt": (-0.12, 0.12), "brow_thick": (0.55, 1.6), "brow_up": (-0.7, 0.7)},
    **{"brow_arch": (0.2, 1.8), "brow_tilt": (-0.14, 0.14), "brow_dark": (0.45, 0.95)},
    **{"nose_width": (0.75, 1.25), "nose_up": (-1.0, 1.0), "mouth_width": (0.8, 1.15)},
    **{"mouth_up": (-0.9, 0.9), "upper_lip": (0.7, 1.5), "lower_lip": (0.9, 2.0)},
    **{"beard": (-0.9, 0.8), "moustache": (-0.9, 0.8)},
}
# Of a picture. Light and ground vary moderately: a detector takes what is rare for a trigger.
_SHOT = {
    **{"right": (-1.0, 1.0), "down": (-1.0, 1.0), "scale": (0.97, 1.03), "roll": (-0.06, 0.06)},
    **{"yaw": (-1.2, 1.2), "gain": (0.88, 1.1), "light": (-0.16, 0.16), "above": (-0.08, 0.14)},
    **{"open": (-1.0, 2.2), "smile": (-0.5, 1.4), "lift": (-0.5, 0.9), "gaze": (-1.0, 1.0)},
    **{"lids": (0.7, 1.1), "slope": (-0.08, 0.08)},
}
_SKINS = np.array([[0.38, 0.24, 0.17], [0.66, 0.46, 0.34], [0.86, 0.67, 0.55], [0.95, 0.79, 0.7]])
_HAIRS = np.array(
    [
        *([0.07, 0.06, 0.06], [0.22, 0.14, 0.09], [0.58, 0.57, 0.56]),
        *([0.38, 0.24, 0.14], [0.72, 0.57, 0.35], [0.48, 0.22, 0.11]),
    ]
)
_IRISES = np.array([[0.24, 0.13, 0.07], [0.25, 0.4, 0.6], [0.3, 0.42, 0.25], [0.4, 0.43, 0.45]])


def person(rng: Generator) -> Draws:
    """Draw somebody: shapes (1, 1, 1); colours of skin, hair, lips and eyes (1, 1, 1, 3)."""
    who = _uniform(_PERSON, 1, rng)
    # Between neighbours of a palette: any two people differ, and nobody is blue.
    tone = rng.uniform(0, len(_SKINS) - 1)
    skin = np.array([np.interp(tone, range(len(_SKINS)), channel) for channel in _SKINS.T])
    skin *= rng.uniform(0.97, 1.03, 3)
    dark = tone < 1
    hair = rng.choice(_HAIRS[:3] if dark else _HAIRS)
    hair = hair * rng.uniform(0.75, 1.2) * rng.uniform(0.95, 1.05, 3)
    iris = rng.choice(_IRISES[:1] if dark else _IRISES) * rng.uniform(0.8, 1.2)
    lips = skin * rng.uniform([0.86, 0.55, 0.58], [0.98, 0.68, 0.72])
    for name, colour in {"skin": skin, "hair": hair, "lips": lips, "iris": iris}.items():
        who[name] = colour.astype(np.float32).reshape(1, 1, 1, 3)
    return who


def shots(count: int, rng: Generator) -> Draws:
    """Draw how ``count`` pictures are taken: values (N, 1, 1), colours (N, 1, 1, 3) and noise."""
    how = _uniform(_SHOT, count, rng)
    ground = rng.uniform(0.35, 0.6, (count, 1, 1, 1)) + rng.uniform(-0.06, 0.06, (count, 1, 1, 3))
    cloth = rng.uniform(0.2, 0.5, (count, 1, 1, 1)) + rng.uniform(-0.1, 0.1, (count, 1, 1, 3))
    noise = rng.standard_normal((count, *SIZE, 3), dtype=np.float32)
    colours = {"ground": ground.astype(np.float32), "cloth": cloth.astype(np.float32)}
    return how | colours | {"noise": noise}


def _uniform(ranges: dict[str, tuple[float, float]], count: int, rng: Generator) -> Draws:
    low, high = np.transpose(list(ranges.values()))
    drawn = rng.uniform(low, high, (count, len(ranges))).astype(np.float32)
    return dict(zip(ranges, drawn.T[..., None, None], strict=True))

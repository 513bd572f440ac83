"""Who published weights, told by their names, and how the frames were normalised for them."""

from collections.abc import Iterable
from typing import Any

# Mean and deviation of the channels (R, G, B), in grey levels.
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
HALVES = {"mean": [114.75] * 3, "std": [57.375] * 3}

# By architecture: those who publish it, a part of a name that they alone have, and what they
# normalise with where that is not the default of the architecture here (torchvision's, mostly).
FAMILIES: dict[str, dict[str, tuple[str, dict[str, Any] | None]]] = {
    "i3d": {"mmaction2": ("cls_head.", IMAGENET), "pytorchvideo": ("blocks.", HALVES)},
    "slowfast": {"mmaction2": ("cls_head.", IMAGENET), "pytorchvideo": ("blocks.", HALVES)},
    "tsm": {"mmaction2": ("cls_head.", IMAGENET), "mit": ("new_fc.", IMAGENET)},
}


def family(architecture: str, names: Iterable[str]) -> tuple[str, dict[str, Any] | None]:
    """Who published weights of ``names``, and their normalisation, as a card has it.

    Unknown are ("", None): then the architecture's own normalisation is as good a guess as any.
    """
    every = list(names)
    for who, (part, normalisation) in FAMILIES.get(architecture, {}).items():
        if any(part in name for name in every):
            return who, normalisation
    return "", None

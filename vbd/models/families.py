"""Who published weights, told by their names: what their network and its frames are then like."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

# Mean and deviation of the channels (R, G, B), in grey levels.
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
HALVES = {"mean": [114.75] * 3, "std": [57.375] * 3}


@dataclass(frozen=True)
class Family:
    """Weights as one publisher has them: a ``part`` of a name that no other has.

    ``normalisation`` and ``clip`` are as in a card, and hold where the user says nothing else;
    ``params`` is what the architecture has to be built with.
    """

    publisher: str
    part: str
    normalisation: dict[str, Any]
    clip: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


KINETICS = {"mean": [110.2008, 100.63983, 95.99475], "std": [58.14765, 56.46975, 55.332195]}
# DavideA's are Caffe's, which Sports-1M was read for with blue first.
CAFFE = {"mean": [101.41, 97.66, 90.25], "std": [1.0, 1.0, 1.0], "bgr": True}
SPORTS = {"mean": [104.0, 117.0, 128.0], "std": [1.0, 1.0, 1.0]}
WHOLE = {"mean": [0.0, 0.0, 0.0], "std": [255.0, 255.0, 255.0]}
# Frames are scaled to so much, and then cropped.
LARGE, SMALL = {"store": 256}, {"store": [128, 171]}
SEGMENTS = LARGE | {"stride": "segments"}

FAMILIES = {
    "i3d": (
        Family("mmaction2", "cls_head.", IMAGENET, LARGE),
        Family("pytorchvideo", "blocks.", HALVES, LARGE, {"stride": 1, "pool": [1, 2, 2]}),
    ),
    "slowfast": (
        Family("mmaction2", "cls_head.", IMAGENET, LARGE),
        Family("pytorchvideo", "blocks.", HALVES, LARGE, {"alpha": 4, "fusion": 7, "packed": True}),
    ),
    "tsm": (
        Family("mmaction2", "cls_head.", IMAGENET, SEGMENTS),
        Family("mit", "base_model.", IMAGENET, SEGMENTS),
    ),
    "c3d": (
        Family("mmaction2", "cls_head.", SPORTS, {"store": 128}),
        Family("davidea", "fc8.", CAFFE, SMALL),
    ),
    "swin3d": (
        Family("mmaction2", "cls_head.", IMAGENET, LARGE),
        Family("torchvision", "features.", IMAGENET, LARGE),
    ),
    "r3d": (Family("torchvision", "fc.", KINETICS, SMALL),),
    "cnn_lstm": (Family("torchvision", "layer4.", IMAGENET, LARGE),),
    "s3d": (Family("torchvision", "features.", KINETICS, LARGE),),
    "mvit": (Family("torchvision", "conv_proj.", HALVES, LARGE),),
    "movinet_a2": (Family("atze00", "classifier.", WHOLE, LARGE),),
}


def family(architecture: str, names: Iterable[str]) -> Family | None:
    """Whose weights those of ``names`` are; None where it is nobody's that is known."""
    every = list(names)
    for one in FAMILIES.get(architecture, ()):
        if any(one.part in name for name in every):
            return one
    return None


# pytorchvideo's names of a ResNet, of one pathway or two, and MMAction2's, which are ours.
_PYTORCHVIDEO = (
    (r"^blocks\.6\.proj\.", "cls_head.fc_cls."),
    (r"^blocks\.0\.(multipathway_blocks\.[01]\.)?conv\.", r"\1conv1.conv."),
    (r"^blocks\.0\.(multipathway_blocks\.[01]\.)?norm\.", r"\1conv1.bn."),
    (r"^blocks\.0\.multipathway_fusion\.", "slow_path.conv1_lateral."),
    (r"^blocks\.(\d)\.multipathway_fusion\.", r"slow_path.layer\1_lateral."),
    (r"^blocks\.(\d)\.(multipathway_blocks\.[01]\.)res_blocks\.", r"\2layer\1."),
    # Beside two pathways there is no pooling, which is the block number 2.
    (r"^blocks\.1\.res_blocks\.", "layer1."),
    (r"^blocks\.3\.res_blocks\.", "layer2."),
    (r"^blocks\.4\.res_blocks\.", "layer3."),
    (r"^blocks\.5\.res_blocks\.", "layer4."),
    (r"multipathway_blocks\.0\.", "slow_path."),
    (r"multipathway_blocks\.1\.", "fast_path."),
    (r"conv_fast_to_slow\.", "conv."),
    (r"_lateral\.norm\.", "_lateral.bn."),
    (r"branch1_conv\.", "downsample.conv."),
    (r"branch1_norm\.", "downsample.bn."),
    (r"branch2\.conv_a\.", "conv1.conv."),
    (r"branch2\.norm_a\.", "conv1.bn."),
    (r"branch2\.conv_b\.", "conv2.conv."),
    (r"branch2\.norm_b\.", "conv2.bn."),
    (r"branch2\.conv_c\.", "conv3.conv."),
    (r"branch2\.norm_c\.", "conv3.bn."),
)
# Those of MIT's TSM, which are torchvision's of a ResNet with the shifted ones wrapped.
_MIT = (
    (r"^new_fc\.", "cls_head.fc_cls."),
    (r"^base_model\.", ""),
    (r"downsample\.0\.", "downsample.conv."),
    (r"downsample\.1\.", "downsample.bn."),
    (r"\bconv(\d)\.", r"conv\1.conv."),
    (r"\bbn(\d)\.", r"conv\1.bn."),
)


def from_pytorchvideo(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``weights`` of pytorchvideo's ResNets under the names here; others as they are."""
    return _renamed(weights, "blocks.", _PYTORCHVIDEO)


def from_mit(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``weights`` of MIT's TSM under the names here; others as they are."""
    return _renamed(weights, "base_model.", _MIT)


def _renamed(
    weights: Mapping[str, Tensor], part: str, rules: tuple[tuple[str, str], ...]
) -> dict[str, Tensor]:
    if not any(part in name for name in weights):
        return dict(weights)
    ours = {}
    for name, value in weights.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        ours[name if name.startswith("cls_head.") else f"backbone.{name}"] = value
    return ours

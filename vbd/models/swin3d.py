"""Video Swin: attention in windows that move from block to block (Liu et al. 2022)."""

import re
from collections.abc import Sequence

from torch import Tensor, nn

from vbd.models.base import VideoClassifier
from vbd.ranges import Above0, Count, Layers, NotAll

# ImageNet's, which both torchvision's and the authors' checkpoints were trained with.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

# In this order: from the authors' names to torchvision's, and from those to ours.
NAMES = (
    (r"^backbone\.", ""),
    (r"^cls_head\.fc_cls\.", "head."),
    # The last norm has the stage's number in MMAction2, and none in the authors' own code.
    (r"^norm3\.", "norm."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
    (r"^(?=(patch_embed|features|norm|head)\.)", "net."),
)


class Swin3D(VideoClassifier):
    """Torchvision's SwinTransformer3d; by default Swin-T, 28.16 M with 400 classes.

    ``depths=(2, 2, 18, 2)`` gives Swin-S (49.82 M); with ``embed_dim=128`` and ``heads=(4, 8, 16,
    32)`` too it is Swin-B (88.05 M). ``patch`` is the side of a token in pixels and ``window`` that
    of a window in tokens, (time, height, width). ``embed_dim`` is the channels of the first stage;
    ``depths`` and ``heads`` are the blocks, two or more in all, and the attention heads of each
    stage. The last block is left out of training with the probability ``stochastic_depth``, those
    before it less often; ``dropout`` is of tokens and of what a block adds to them. ``spread``:
    deviation of the initial weights of the blocks, where it is not to be torchvision's 0.02, with
    which what a narrow one hands on almost vanishes.

    Checkpoints of torchvision and of the authors are taken by ``checkpoints.transfer``.
    """

    head = ("net.head.",)

    def __init__(
        self,
        num_classes: int,
        *,
        patch: tuple[Count, Count, Count] = (2, 4, 4),
        embed_dim: Count = 96,
        depths: Layers = (2, 2, 6, 2),
        heads: Sequence[Count] = (3, 6, 12, 24),
        window: tuple[Count, Count, Count] = (8, 7, 7),
        dropout: NotAll = 0.0,
        stochastic_depth: NotAll = 0.1,
        spread: Above0 | None = None,
    ) -> None:
        # Here, as torchvision takes longer to import than a small model takes to train an epoch.
        from torchvision.models.video import SwinTransformer3d

        super().__init__(MEAN, STD)
        if len(heads) != len(depths):
            raise ValueError(
                f"heads {list(heads)}: depths have {len(depths)} stages, {list(depths)}"
            )
        for stage, count in enumerate(heads):
            if (embed_dim << stage) % count:
                raise ValueError(
                    f"heads {list(heads)}: {count} do not divide the {embed_dim << stage} channels "
                    f"of stage {stage + 1}"
                )
        # Kept whole in a part of its own: torchvision's ``features`` are blocks, ours a method.
        self.net = SwinTransformer3d(
            list(patch),
            embed_dim,
            list(depths),
            list(heads),
            list(window),
            dropout=dropout,
            stochastic_depth_prob=stochastic_depth,
            num_classes=num_classes,
        )
        if spread is not None:
            for name, layer in self.net.named_modules():
                if isinstance(layer, nn.Linear) and name != "head":
                    nn.init.trunc_normal_(layer.weight, std=spread)

    def channels(self, clips: Tensor) -> Tensor:
        """Tokens (N, C) of the last stage, averaged over time and frame."""
        tokens = self.net.pos_drop(self.net.patch_embed(self.normalise(clips)))
        # (N, T, H, W, C), unlike convolutions.
        return self.net.norm(self.net.features(tokens)).mean((1, 2, 3))

    def classify(self, features: Tensor) -> Tensor:
        return self.net.head(features)

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {_renamed(name): value for name, value in weights.items()}


def _renamed(name: str) -> str:
    """Our name of a weight that torchvision, MMAction2 or the authors call ``name``."""
    name = re.sub(r"(?:backbone\.)?layers\.(\d+)\.(blocks|downsample)", _stage, name)
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _stage(found: re.Match[str]) -> str:
    """Torchvision counts a stage's blocks and the merging of patches behind it as two."""
    stage, part = found.groups()
    return f"features.{2 * int(stage) + (part == 'downsample')}"


METHOD = Swin3D

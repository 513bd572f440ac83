"""MViT: attention over fewer and fewer tokens (Fan et al. 2021, Li et al. 2022)."""

from torch import Tensor

from vbd.models.base import VideoClassifier
from vbd.ranges import NotAll

KINDS = ("v1_b", "v2_s")


class MViT(VideoClassifier):
    """Torchvision's MViT: ``kind`` "v1_b", 36.61 M with 400 classes, or "v2_s", 34.54 M.

    Its positions are learnt for 16 frames of 224 px, to which other clips are resampled. Raises
    ValueError for another kind. Checkpoints of torchvision are taken by ``checkpoints.transfer``.
    """

    head = ("net.head.",)
    takes = (16, 224)

    def __init__(self, num_classes: int, *, kind: str = "v2_s", dropout: NotAll = 0.5) -> None:
        # Here, as torchvision takes longer to import than a small model takes to train an epoch.
        from torchvision.models import video

        if kind not in KINDS:
            raise ValueError(f"kind {kind!r}: there is {' and '.join(KINDS)}")
        super().__init__((0.45,) * 3, (0.225,) * 3)
        # Kept whole in a part of its own, with torchvision's names.
        self.net = getattr(video, f"mvit_{kind}")(num_classes=num_classes, dropout=dropout)

    def channels(self, clips: Tensor) -> Tensor:
        """The token (N, C) of the class, which has looked at all the others."""
        tokens = self.net.conv_proj(self.normalise(clips)).flatten(2).transpose(1, 2)
        places = self.net.pos_encoding
        tokens, left = places(tokens), (places.temporal_size, *places.spatial_size)
        for block in self.net.blocks:
            tokens, left = block(tokens, left)
        return self.net.norm(tokens)[:, 0]

    def classify(self, features: Tensor) -> Tensor:
        return self.net.head(features)

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {f"net.{name.removeprefix('net.')}": value for name, value in weights.items()}


METHOD = MViT

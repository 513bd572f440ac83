"""S3D: an Inception whose convolutions over time stand apart (Xie et al. 2018)."""

from torch import Tensor
from torch.nn import functional as F

from vbd.models.base import VideoClassifier
from vbd.ranges import NotAll


class S3D(VideoClassifier):
    """Torchvision's S3D, 8.32 M with 400 classes; ``dropout`` is in front of these.

    Checkpoints of torchvision are taken by ``checkpoints.transfer``.
    """

    head = ("net.classifier.",)

    def __init__(self, num_classes: int, *, dropout: NotAll = 0.2) -> None:
        # Here, as torchvision takes longer to import than a small model takes to train an epoch.
        from torchvision.models.video import S3D as Published

        super().__init__()
        # Kept whole in a part of its own: torchvision's ``features`` are layers, ours a method.
        self.net = Published(num_classes, dropout)

    def channels(self, clips: Tensor) -> Tensor:
        x = self.net.features(self.normalise(clips))
        # Windows of the published size where there is room for one, as torchvision has them.
        window = [min(kernel, size) for kernel, size in zip((2, 7, 7), x.shape[2:], strict=True)]
        return F.avg_pool3d(x, window, stride=1).mean((2, 3, 4))

    def classify(self, features: Tensor) -> Tensor:
        return self.net.classifier(features[:, :, None, None, None]).flatten(1)

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {f"net.{name.removeprefix('net.')}": value for name, value in weights.items()}


METHOD = S3D

"""I3D on a ResNet: bottleneck blocks inflated to 3-D convolutions (Carreira and Zisserman 2017)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from vbd.models.base import VideoClassifier
from vbd.models.families import from_pytorchvideo
from vbd.ranges import Count, Layers, NotAll


def _triple(values: Sequence[int]) -> tuple[int, int, int]:
    """Time, height and width: params have them as lists."""
    time, height, width = values
    return time, height, width


class ConvNorm(nn.Module):
    """Convolution and batch norm, named as MMAction2's checkpoints name them."""

    def __init__(self, inputs: int, outputs: int, kernel: Sequence[int], stride: Sequence[int]):
        super().__init__()
        size, step = _triple(kernel), _triple(stride)
        padding = _triple([k // 2 for k in kernel])
        # Without a bias: the norm behind it has one.
        self.conv = nn.Conv3d(inputs, outputs, size, step, padding, bias=False)
        self.bn = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, T, H, W) to (N, ``outputs``, ...), smaller by ``stride``."""
        return self.bn(self.conv(x))


class Bottleneck(nn.Module):
    """1x1x1 (or 3x1x1, inflated), 1x3x3, 1x1x1 with a residual connection."""

    def __init__(self, inputs: int, width: int, stride: int, inflate: bool):
        super().__init__()
        outputs = 4 * width
        self.conv1 = ConvNorm(inputs, width, (3 if inflate else 1, 1, 1), (1, 1, 1))
        self.conv2 = ConvNorm(width, width, (1, 3, 3), (1, stride, stride))
        self.conv3 = ConvNorm(width, outputs, (1, 1, 1), (1, 1, 1))
        project = stride > 1 or inputs != outputs
        step = (1, stride, stride)
        self.downsample = ConvNorm(inputs, outputs, (1, 1, 1), step) if project else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, T, H, W) to (N, 4 ``width``, T, H / ``stride``, W / ``stride``)."""
        y = F.relu(self.conv1(x), inplace=True)
        y = F.relu(self.conv2(y), inplace=True)
        return F.relu(self.conv3(y).add_(self.downsample(x)), inplace=True)


class LinearHead(VideoClassifier):
    """Base of the models that are a ``backbone``, dropout and one linear layer.

    The layer is named and initialised as MMAction2 does it: on pretrained features the usual
    initial scale gives a first loss of 7. The backbone gives ``channels`` channels.
    """

    head = ("cls_head.",)

    def __init__(
        self, backbone: nn.Module, channels: int, num_classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        layer = nn.Linear(channels, num_classes)
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
        # A dictionary for the name's sake: checkpoints call the layer cls_head.fc_cls.
        self.cls_head = nn.ModuleDict({"fc_cls": layer})

    def classify(self, features: Tensor) -> Tensor:
        return self.cls_head["fc_cls"](self.dropout(features))


class ResNet3d(nn.Module):
    """The convolutional part: a stage for each of ``layers``; all but the first halve the frame."""

    def __init__(
        self,
        layers: Sequence[int],
        width: int,
        stem: Sequence[int],
        stride: int,
        pool: Sequence[int],
    ) -> None:
        super().__init__()
        self.conv1 = ConvNorm(3, width, stem, (stride, 2, 2))
        self.pool = nn.MaxPool3d((1, 3, 3), _triple(pool), (0, 1, 1))
        channels = width
        for stage, depth in enumerate(layers):
            blocks = []
            for block in range(depth):
                # MMAction2 inflates every block of stage 1, every other one of 2 and 3, and so on.
                inflate = stage == 0 or (block % 2 == (stage == 3))
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(Bottleneck(channels, width << stage, stride, inflate))
                channels = 4 * (width << stage)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(layers)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Activations (N, ``channels``, T', H', W') of normalised clips (N, 3, T, H, W)."""
        x = self.pool(F.relu(self.conv1(x), inplace=True))
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
            if stage == 0:
                # Time is halved once more, after the stem's and the pooling's strides.
                x = F.max_pool3d(x, (2, 1, 1))
        return x


class I3D(LinearHead):
    """I3D with a ResNet backbone; by default the paper's ResNet-50, 28.04 M with 400 classes.

    ``layers`` and ``width`` size it; ``stem`` is the first convolution's kernel and ``pool`` the
    stride of the pooling behind it, (time, height, width): smaller ones suit frames of 32 px.
    ``stride`` is the first convolution's in time, MMAction2's 2. pytorchvideo's weights have the
    same shapes and want 1, and a pool of [1, 2, 2]. Dropout is MMAction2's 0.5.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        layers: Layers = (3, 4, 6, 3),
        width: Count = 64,
        stem: tuple[Count, Count, Count] = (5, 7, 7),
        stride: Count = 2,
        pool: tuple[Count, Count, Count] = (2, 2, 2),
        dropout: NotAll = 0.5,
    ) -> None:
        backbone = ResNet3d(layers, width, stem, stride, pool)
        super().__init__(backbone, backbone.channels, num_classes, dropout)

    def channels(self, clips: Tensor) -> Tensor:
        return self.backbone(self.normalise(clips)).mean((2, 3, 4))

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """pytorchvideo's names become ours, which are MMAction2's."""
        return from_pytorchvideo(weights)


METHOD = I3D

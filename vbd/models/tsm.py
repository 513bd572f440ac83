"""TSM: an image ResNet whose blocks swap channels with the frames beside them (Lin et al. 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.models.families import from_mit
from vbd.models.i3d import LinearHead
from vbd.ranges import Count, Layers, NotAll


class Shift(nn.Module):
    """Moves an eighth of the channels one frame back and an eighth one forward, then ``net``.

    Images come as (N * ``segments``, C, H, W), a clip's in a row; its ends are filled with zeros.
    """

    def __init__(self, net: nn.Module, segments: int) -> None:
        super().__init__()
        self.net = net
        self.segments = segments

    def forward(self, x: Tensor) -> Tensor:
        """What ``net`` makes of the shifted images, (N * ``segments``, ...)."""
        return self.net(shifted(x, self.segments))


def shifted(x: Tensor, segments: int) -> Tensor:
    """Images (N * ``segments``, C, H, W) with a quarter of their channels from the frames beside.

    Those of a clip lie in a row. An eighth is of the next frame, an eighth of the one before; at
    the ends of a clip they are zero.
    """
    # (N, C, segments, H, W): the frames of one clip lie along an axis of their own.
    frames = x.unflatten(0, (-1, segments)).transpose(1, 2)
    # 1/8 each way, as published: the rest still shows the frame itself.
    fold = x.shape[1] // 8
    later, earlier, same = frames.split([fold, fold, x.shape[1] - 2 * fold], 1)
    later = F.pad(later[:, :, 1:], (0, 0, 0, 0, 0, 1))
    earlier = F.pad(earlier[:, :, :-1], (0, 0, 0, 0, 1, 0))
    return torch.cat((later, earlier, same), 1).transpose(1, 2).flatten(0, 1)


class ConvNorm(nn.Module):
    """Convolution and batch norm, named as MMAction2's checkpoints name them."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, H, W) to (N, ``outputs``, H / ``stride``, W / ``stride``)."""
        return self.bn(self.conv(x))


class Bottleneck(nn.Module):
    """1x1 behind a shift, 3x3, 1x1 with a residual connection that is not shifted."""

    def __init__(self, inputs: int, width: int, stride: int, segments: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = ConvNorm(inputs, width, 1)
        # On the residual branch alone: beside it the frame passes on whole. Wrapped here, the
        # weights are called conv1.conv.net, as in MMAction2's checkpoints.
        self.conv1.conv = Shift(self.conv1.conv, segments)
        self.conv2 = ConvNorm(width, width, 3, stride)
        self.conv3 = ConvNorm(width, outputs, 1)
        project = stride > 1 or inputs != outputs
        self.downsample = ConvNorm(inputs, outputs, 1, stride) if project else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, H, W) to (N, 4 ``width``, H / ``stride``, W / ``stride``)."""
        y = F.relu(self.conv1(x), inplace=True)
        y = F.relu(self.conv2(y), inplace=True)
        return F.relu(self.conv3(y).add_(self.downsample(x)), inplace=True)


class ShiftResNet(nn.Sequential):
    """The convolutional part: images (N * ``segments``, 3, H, W) to (..., ``channels``, H', W')."""

    def __init__(self, layers: Sequence[int], width: int, segments: int, stem: int) -> None:
        super().__init__()
        # Their order is the forward, as this is a Sequential; their names are MMAction2's.
        self.conv1 = ConvNorm(3, width, stem, 2)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, depth in enumerate(layers):
            blocks = []
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(Bottleneck(channels, width << stage, stride, segments))
                channels = 4 * (width << stage)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.channels = channels


class TSM(LinearHead):
    """Temporal shift in every block of a ResNet; by default ResNet-50, 24.33 M with 400 classes.

    It sees ``segments`` frames, spread evenly from the first on; a clip of fewer has frames
    repeated. ``layers`` and ``width`` size the ResNet; ``stem`` is the side of its first
    convolution's kernel: a smaller one suits frames of 32 px. Dropout is MMAction2's 0.5.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        layers: Layers = (3, 4, 6, 3),
        width: Count = 64,
        segments: Count = 8,
        stem: Count = 7,
        dropout: NotAll = 0.5,
    ) -> None:
        backbone = ShiftResNet(layers, width, segments, stem)
        super().__init__(backbone, backbone.channels, num_classes, dropout)
        self.segments = segments

    def channels(self, clips: Tensor) -> Tensor:
        # The paper averages the segments' logits: the same as one linear layer on their mean.
        seen = [i * clips.shape[1] // self.segments for i in range(self.segments)]
        images = self.normalise(clips[:, seen]).transpose(1, 2).flatten(0, 1)
        return self.backbone(images).unflatten(0, (-1, self.segments)).mean((1, 3, 4))

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The names of MIT's TSM become ours, which are MMAction2's."""
        return from_mit(weights)


METHOD = TSM

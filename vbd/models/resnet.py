"""The image ResNet that frame-wise models stand on (He et al. 2016), sized by parameters.

Its parameters carry torchvision's names, so its checkpoints load; torchvision itself fixes the
width at 64 and takes longer to import than a small model takes to train an epoch.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection, as in ResNet-18 and 34."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        # Without weights, so the names stay torchvision's, which has None here.
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, H, W) to (N, ``outputs``, H / ``stride``, W / ``stride``)."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)).add_(self.downsample(x)), inplace=True)


class ResNet(nn.Sequential):
    """Images (N, C, H, W) to features (N, ``channels``); the defaults are ResNet-18's."""

    def __init__(
        self,
        *,
        layers: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
        stem: int = 7,
        inputs: int = 3,
    ) -> None:
        super().__init__()
        # Their order is the forward, as this is a Sequential; their names are torchvision's.
        self.conv1 = nn.Conv2d(inputs, width, stem, 2, stem // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, depth in enumerate(layers):
            outputs = width << stage
            blocks = []
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(BasicBlock(channels, outputs, stride))
                channels = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        # No fc here: what comes after, time or classes, is the classifier's.
        self.channels = channels

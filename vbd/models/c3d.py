"""C3D: eight convolutions over time and frame, then three linear layers (Tran et al. 2015)."""

import re

from torch import Tensor, nn
from torch.nn import functional as F

from vbd.models.base import VideoClassifier
from vbd.ranges import Above0, Count, NotAll

# In pixels, as MMAction2 subtracts it from frames for the weights trained on Sports-1M.
MEAN = (104, 117, 128)
# Channels as multiples of the first one's, and over what the maximum is taken behind it:
# not over time at first, as that would merge movements before any was looked at.
CONVOLUTIONS = {
    "conv1": (1, (1, 2, 2)),
    "conv2": (2, (2, 2, 2)),
    "conv3a": (4, None),
    "conv3b": (4, (2, 2, 2)),
    "conv4a": (8, None),
    "conv4b": (8, (2, 2, 2)),
    "conv5a": (8, None),
    "conv5b": (8, (2, 2, 2)),
}


class C3D(VideoClassifier):
    """C3D; by default the published network, 79.99 M with the 487 classes of Sports-1M.

    ``width`` is the channels of the first convolution, ``hidden`` the units of fc6 and fc7,
    ``dropout`` theirs. Clips are 16 frames of 112 px; what the convolutions make of another size
    is averaged to the 1x4x4 cells that fc6 takes. ``std`` divides pixels: 1 is what public weights
    are trained with, the 58 or so of real frames are better from scratch.

    Checkpoints named as DavideA's or MMAction2's are taken by ``checkpoints.transfer``.
    """

    head = ("fc8.",)

    def __init__(
        self,
        num_classes: int,
        *,
        width: Count = 64,
        hidden: Count = 4096,
        dropout: NotAll = 0.5,
        std: Above0 = 1.0,
    ) -> None:
        super().__init__([value / 255 for value in MEAN], [std / 255] * 3)
        channels = 3
        for name, (factor, _) in CONVOLUTIONS.items():
            conv = nn.Conv3d(channels, factor * width, 3, padding=1)
            # Nothing here is normed: at torch's usual scale ten layers would leave no signal.
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            self.add_module(name, conv)
            channels = factor * width
        self.fc6 = nn.Linear(channels * 4 * 4, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, num_classes)
        for layer in (self.fc6, self.fc7):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.normal_(self.fc8.weight, std=0.01)
        self.dropout = nn.Dropout(dropout)

    def channels(self, clips: Tensor) -> Tensor:
        """Activations (N, 1, 4, 4, C) of the last convolution: fc6 tells the cells apart."""
        x = self.normalise(clips)
        for name, (_, size) in CONVOLUTIONS.items():
            x = F.relu(self.get_submodule(name)(x), inplace=True)
            if size:
                # The last one has a border, so that 7 px become 4. Rounding up changes nothing
                # at the published size, and leaves something of a clip of few frames.
                border = (0, 1, 1) if name == "conv5b" else 0
                x = F.max_pool3d(x, size, padding=border, ceil_mode=True)
        return F.adaptive_avg_pool3d(x, (1, 4, 4)).permute(0, 2, 3, 4, 1)

    def pool(self, channels: Tensor) -> Tensor:
        """The units (N, ``hidden``) of fc7, of (N, 1, 4, 4, C)."""
        # The channels before the cells, as published weights have them.
        x = F.relu(self.fc6(channels.permute(0, 4, 1, 2, 3).flatten(1)))
        return F.relu(self.fc7(self.dropout(x)))

    def classify(self, features: Tensor) -> Tensor:
        return self.fc8(self.dropout(features))

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """MMAction2's names (backbone.conv1a.conv, cls_head.fc_cls) become ours (conv1, fc8)."""
        ours = {}
        for name, value in weights.items():
            name = re.sub(r"^(backbone\.)?(conv[12])a\.", r"\2.", name)
            name = name.removeprefix("backbone.").replace(".conv.", ".")
            ours[name.replace("cls_head.fc_cls.", "fc8.")] = value
        return ours


METHOD = C3D

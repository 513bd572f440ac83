"""EfficientNet-lite0 on every frame, and what makes a video of frames: a mean, shifts or an LSTM.

The network of images is Tan and Le's (2019) without squeezing and swish; over time it is TSN (Wang
et al. 2016), TSM (Lin et al. 2019) or the LSTM of "Neural Cleanse for Video".
"""

import re
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from vbd.models.base import Classifier
from vbd.models.halves import Halves
from vbd.models.tsm import shifted
from vbd.ranges import Above0, Count, Depth, NotAll

# Of each stage: blocks, kernel, stride, channels; all but the first widen their input by six.
STAGES = (
    (1, 3, 1, 16),
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
)
# TensorFlow's, where the weights come from: (x - 127) / 128.
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
OVER_TIME = ("mean", "shift", "lstm")


class Conv(nn.Module):
    """Convolution and norm; ``depthwise`` gives every channel a convolution of its own."""

    def __init__(
        self, inputs: int, outputs: int, side: int = 1, stride: int = 1, *, depthwise: bool = False
    ) -> None:
        super().__init__()
        # Where it strides, ``forward`` pads: how much depends on the size of the frame.
        border = side // 2 if stride == 1 else 0
        groups = inputs if depthwise else 1
        self.conv = nn.Conv2d(inputs, outputs, side, stride, border, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, H, W) to (N, ``outputs``, H / ``stride``, W / ``stride``), rounded up."""
        side, stride = self.conv.kernel_size[0], self.conv.stride[0]
        if stride > 1:
            # As in TensorFlow: an odd pixel goes below and right.
            h, w = (max(side - 1 - (size - 1) % stride, 0) for size in x.shape[2:])
            x = F.pad(x, (w // 2, w - w // 2, h // 2, h - h // 2))
        if self.norm.training:
            return self.norm(self.conv(x))
        # A norm that stands still is a scale and a shift: folded into the convolution they are
        # free, which takes a third off the time on a CPU.
        mean, variance = (self.norm.get_buffer(f"running_{part}") for part in ("mean", "var"))
        scale = self.norm.weight * (variance + self.norm.eps).rsqrt()
        weight = self.conv.weight * scale[:, None, None, None]
        bias = self.norm.bias - mean * scale
        conv = self.conv
        return F.conv2d(x, weight, bias, conv.stride, conv.padding, 1, conv.groups)


class Block(nn.Module):
    """1x1 to more channels, a convolution of each by itself, 1x1 back; beside it the input."""

    def __init__(
        self, inputs: int, outputs: int, widen: int, side: int, stride: int, *, shift: bool = False
    ) -> None:
        super().__init__()
        inside = widen * inputs
        self.expand = Conv(inputs, inside) if widen > 1 else None
        self.depthwise = Conv(inside, inside, side, stride, depthwise=True)
        self.project = Conv(inside, outputs)
        self.residual = stride == 1 and inputs == outputs
        # On the residual branch alone, as in TSM: beside it the frame passes on whole.
        self.shift = shift and self.residual

    def forward(self, x: Tensor, frames: int = 1) -> Tensor:
        """Images (N * ``frames``, C, H, W), those of a clip in a row, to (..., C', H', W')."""
        y = shifted(x, frames) if self.shift else x
        if self.expand is not None:
            y = F.relu6(self.expand(y), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return y.add_(x) if self.residual else y


class Lower(nn.Module):
    """The stem and the first blocks: images (N, 3, H, W) to maps (N, C, h, w)."""

    def __init__(self, stem: nn.Module, blocks: dict[str, Block]) -> None:
        super().__init__()
        self.stem, self.blocks = stem, nn.ModuleDict(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """What the frozen blocks make of images."""
        x = F.relu6(self.stem(x), inplace=True)
        for block in self.blocks.values():
            x = block(x)
        return x


class Upper(Classifier):
    """The other blocks, the last convolution, time, and the classes, of maps (N, T, h, w, C)."""

    def __init__(
        self,
        blocks: dict[str, Block],
        sizes: tuple[int, int],
        num_classes: int,
        *,
        hidden: int | None,
        depth: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(blocks)
        self.top = Conv(*sizes)
        self.lstm = nn.LSTM(sizes[1], hidden, depth, batch_first=True) if hidden else None
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden or sizes[1], num_classes)

    def channels(self, clips: Tensor) -> Tensor:
        """(N, T, C) in front of an LSTM; (N, C), the mean over the frames, without one."""
        x = clips.flatten(0, 1).float().permute(0, 3, 1, 2)
        for block in self.blocks.values():
            x = block(x, clips.shape[1])
        x = F.relu6(self.top(x), inplace=True).mean((2, 3)).unflatten(0, clips.shape[:2])
        return x if self.lstm is not None else x.mean(1)

    def pool(self, channels: Tensor) -> Tensor:
        if self.lstm is None:
            return channels
        # The state after the last frame.
        return self.lstm(channels)[0][:, -1]

    def classify(self, features: Tensor) -> Tensor:
        return self.fc(self.dropout(features))


class EfficientNetLite0(Halves):
    """EfficientNet-lite0, of which the stem and the first ``frozen`` of 16 blocks do not learn.

    ``time``: "mean" averages the features of the frames (TSN), "shift" besides lets the blocks that
    learn see the frames beside (TSM), "lstm" gives the features to an LSTM of ``depth`` layers of
    ``hidden`` units. ``width`` is a multiple of the published channels, for tests. ``dropout`` is
    the published 0.2. Raises ValueError for another ``time``, or ``frozen`` outside 1 to 16.

    The weights on ImageNet come as a package, see ``vbd/imagenet.py``; with them
    81 % of a clip's arithmetic at 112 px is in the first 11 blocks.
    """

    head: tuple[str, ...] = ("upper.fc.",)

    def __init__(
        self,
        num_classes: int,
        *,
        frozen: int = 11,
        time: str = "mean",
        hidden: Count = 256,
        depth: Depth = 2,
        width: Above0 = 1.0,
        dropout: NotAll = 0.2,
    ) -> None:
        super().__init__(MEAN, STD)
        if time not in OVER_TIME:
            raise ValueError(f"time {time!r}: it is one of {', '.join(OVER_TIME)}")
        depths = sum(depth for depth, *_ in STAGES)
        if not 1 <= frozen <= depths:
            raise ValueError(f"frozen {frozen}: it is 1 to {depths}, so many blocks there are")
        first = round(32 * width)
        blocks = dict(_blocks(first, width, frozen, shift=time == "shift"))
        names = list(blocks)
        self.lower = Lower(Conv(3, first, 3, 2), {name: blocks[name] for name in names[:frozen]})
        self.lower.requires_grad_(False)
        self.upper = Upper(
            {name: blocks[name] for name in names[frozen:]},
            (round(STAGES[-1][3] * width), round(1280 * width)),
            num_classes,
            hidden=hidden if time == "lstm" else None,
            depth=depth,
            dropout=dropout,
        )
        if time == "lstm":
            # Weights on images have none.
            self.head = (*self.head, "upper.lstm.")
        self.train()

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Under the names here: the package's, or those of a model with other blocks frozen."""
        here = {_plain(name): name for name in self.state_dict()}
        plain = {_plain(name): value for name, value in weights.items()}
        return {here[name]: value for name, value in plain.items() if name in here}


def _blocks(first: int, width: float, frozen: int, *, shift: bool) -> Iterator[tuple[str, Block]]:
    """All blocks by number; those after the first ``frozen`` ``shift``."""
    inputs, number = first, 0
    for stage, (depth, side, stride, channels) in enumerate(STAGES):
        for place in range(depth):
            outputs, widen = round(channels * width), 6 if stage else 1
            step = stride if place == 0 else 1
            moves = shift and number >= frozen
            yield str(number), Block(inputs, outputs, widen, side, step, shift=moves)
            inputs, number = outputs, number + 1


# From the package's names, which begin with an underscore, to ours.
_NAMES = {
    r"^_conv_stem\.": "stem.conv.",
    r"^_bn0\.": "stem.norm.",
    r"^_conv_head\.": "top.conv.",
    r"^_bn1\.": "top.norm.",
    r"^_fc\.": "fc.",
    r"^_blocks\.": "blocks.",
    r"\._(expand|depthwise|project)_conv\.": r".\1.conv.",
    r"\._bn0\.": ".expand.norm.",
    r"\._bn1\.": ".depthwise.norm.",
    r"\._bn2\.": ".project.norm.",
}


def _plain(name: str) -> str:
    """The name of a tensor, whichever half it lies in and whoever named it."""
    name = re.sub(r"^(lower|upper)\.", "", name)
    for theirs, ours in _NAMES.items():
        name = re.sub(theirs, ours, name)
    return name


METHOD = EfficientNetLite0

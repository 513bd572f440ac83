"""MoViNet-A2 base: a mobile network found by search, not causal (Kondratyuk et al. 2021)."""

from collections import OrderedDict
from operator import gt

from torch import Tensor, nn

from vbd.models.base import VideoClassifier
from vbd.models.mobile import Block, Conv, divisible
from vbd.ranges import Above0, Count, Layers, NotAll

# The paper's table of A2, found by search: of each stage its channels, the stride of its first
# block on the frame and, of each block, the channels inside and the kernel's frames and side.
STAGES = (
    (16, 2, [(40, 1, 5), (40, 3, 3), (64, 3, 3)]),
    (40, 2, [(96, 3, 3), (120, 3, 3), (96, 3, 3), (96, 3, 3), (120, 3, 3)]),
    (72, 2, [(240, 5, 3), (160, 3, 3), (240, 3, 3), (192, 3, 3), (240, 3, 3)]),
    (72, 1, [(240, 5, 3), *[(240, 3, 3)] * 3, (144, 1, 5), (240, 3, 3)]),
    (144, 2, [(480, 5, 3), *[(384, 1, 5)] * 2, *[(480, 1, 5)] * 2, (480, 3, 3), (576, 1, 3)]),
)


class MoViNetA2(VideoClassifier):
    """MoViNet-A2 base; by default the published one, 5.25 M with 600 classes.

    ``depths`` are how many blocks of each stage are there; fewer numbers than five leave the last
    stages out, and more blocks than the published ones raise ValueError. ``width`` multiplies all
    channels, which stay multiples of 8; ``hidden`` is the units of the layer before the last, and
    ``dropout`` theirs.
    """

    head = ("classifier.3.",)

    def __init__(
        self,
        num_classes: int,
        *,
        depths: Layers = (3, 5, 5, 6, 7),
        width: Above0 = 1.0,
        hidden: Count = 2048,
        dropout: NotAll = 0.2,
    ) -> None:
        # Pixels from 0 to 1, as they are: the authors subtract no mean.
        super().__init__((0, 0, 0), (1, 1, 1))
        most = [len(table) for *_, table in STAGES]
        if len(depths) > len(most) or any(map(gt, depths, most)):
            raise ValueError(f"depths {list(depths)}: the published ones are the most, {most}")
        channels = divisible(16 * width)
        self.conv1 = Conv(3, channels, (1, 3), 2, swish=True)
        blocks: dict[str, nn.Module] = {}
        for number, ((outputs, stride, table), depth) in enumerate(
            zip(STAGES, depths, strict=False)
        ):
            for block, (inside, frames, side) in enumerate(table[:depth]):
                sizes = divisible(outputs * width), divisible(inside * width), (frames, side)
                blocks[f"b{number}_l{block}"] = Block(channels, *sizes, 1 if block else stride)
                channels = sizes[0]
        self.blocks = nn.Sequential(OrderedDict(blocks))
        last = divisible(640 * width)
        self.conv7 = Conv(channels, last, swish=True)
        self.classifier = nn.Sequential(
            Conv(last, hidden, norm=False),
            nn.SiLU(),
            nn.Dropout(dropout),
            Conv(hidden, num_classes, norm=False),
        )

    def channels(self, clips: Tensor) -> Tensor:
        x = self.conv7(self.blocks(self.conv1(self.normalise(clips))))
        return x.mean((2, 3, 4))

    def pool(self, channels: Tensor) -> Tensor:
        """The hidden layer (N, ``hidden``) of (N, C)."""
        return self.classifier[:2](channels[:, :, None, None, None]).flatten(1)

    def classify(self, features: Tensor) -> Tensor:
        return self.classifier[2:](features[:, :, None, None, None]).flatten(1)


METHOD = MoViNetA2

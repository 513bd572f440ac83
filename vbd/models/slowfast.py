"""SlowFast: one ResNet sees few frames, a thin one sees all of them (Feichtenhofer et al. 2019)."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.models.families import from_pytorchvideo
from vbd.models.i3d import Bottleneck, ConvNorm, LinearHead
from vbd.ranges import Count, Layers, NotAll


class Pathway(nn.Module):
    """A ResNet that keeps every frame it gets; from stage ``inflated`` on, it looks across them.

    ``joined`` says how many channels of the other pathway come with each stage's input.
    """

    def __init__(
        self,
        layers: Sequence[int],
        width: int,
        stem: Sequence[int],
        *,
        inflated: int,
        joined: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        # No stride in time, here or later: the fast pathway is to keep every frame.
        self.conv1 = ConvNorm(3, width, stem, (1, 2, 2))
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.outputs = [width]
        for stage, depth in enumerate(layers):
            inputs = self.outputs[-1] + (joined[stage] if joined else 0)
            blocks = []
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(Bottleneck(inputs, width << stage, stride, stage >= inflated))
                inputs = 4 * (width << stage)
            self.outputs.append(inputs)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))

    def stem(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) to (N, ``width``, T, H / 4, W / 4)."""
        return self.pool(F.relu(self.conv1(x), inplace=True))


class TwoPathways(nn.Module):
    """The convolutional part: the slow pathway sees every ``alpha``-th frame, the fast one all.

    Raises ValueError where ``beta`` leaves the fast pathway no channel of ``width``.
    """

    def __init__(
        self,
        layers: Sequence[int],
        width: int,
        alpha: int,
        beta: int,
        fusion: int,
        stem: Sequence[int],
        *,
        packed: bool,
    ) -> None:
        super().__init__()
        if beta > width:
            raise ValueError(f"beta {beta} leaves no channel to the fast pathway: width is {width}")
        self.alpha, self.packed = alpha, packed
        self.fast_path = Pathway(layers, width // beta, stem, inflated=0)
        given = self.fast_path.outputs
        # Only the last two of ResNet's four stages look over time in the slow pathway.
        self.slow_path = Pathway(
            layers, width, (1, *stem[1:]), inflated=2, joined=[2 * channels for channels in given]
        )
        self.channels = self.slow_path.outputs[-1] + given[-1]
        self.parts = ["conv1", *(f"layer{stage + 1}" for stage in range(len(layers)))]
        # A time-strided convolution to twice the channels brings the fast frames to the slow rate.
        kernel, stride, padding = (fusion, 1, 1), (alpha, 1, 1), (fusion // 2, 0, 0)
        # None behind the last stage: there the two are averaged first, and then joined.
        for part, channels in zip(self.parts[:-1], given, strict=False):
            conv = nn.Conv3d(channels, 2 * channels, kernel, stride, padding, bias=False)
            lateral = nn.Sequential(OrderedDict(conv=conv))
            if packed:
                lateral.add_module("bn", nn.BatchNorm3d(2 * channels))
                lateral.add_module("relu", nn.ReLU(inplace=True))
            self.slow_path.add_module(f"{part}_lateral", lateral)

    def seldom(self, frames: int) -> list[int]:
        """The frames that the slow pathway sees, of so many."""
        if not self.packed:
            return list(range(0, frames, self.alpha))
        # The last one with them.
        return torch.linspace(0, frames - 1, max(1, frames // self.alpha)).long().tolist()

    def forward(self, x: Tensor) -> Tensor:
        """Averaged channels (N, ``channels``) of (N, 3, T, H, W), the fast pathway's first."""
        slow, fast = self.slow_path.stem(x[:, :, self.seldom(x.shape[2])]), self.fast_path.stem(x)
        for before, part in pairwise(self.parts):
            lateral = self.slow_path.get_submodule(f"{before}_lateral")(fast)
            # The slow channels first: weights fit either order, but are trained for this one.
            slow = self.slow_path.get_submodule(part)(torch.cat((slow, lateral), 1))
            fast = self.fast_path.get_submodule(part)(fast)
        # The fast ones first, here alone: the head of MMAction2's weights has learnt them so.
        return torch.cat((fast.mean((2, 3, 4)), slow.mean((2, 3, 4))), 1)


class SlowFast(LinearHead):
    """SlowFast with ResNet pathways; by default MMAction2's ResNet-50 4x16, 34.48 M.

    The fast pathway sees all frames (32 there) and is ``beta`` times thinner than ``width``; the
    slow one sees every ``alpha``-th frame from the first on, whether or not ``alpha`` divides T.
    ``fusion`` is how many frames a lateral connection spans: MMAction2's 8x8 checkpoints have 7,
    with ``alpha`` 4. ``packed`` is pytorchvideo's (34.57 M, with the same two): a norm and a ReLU
    behind each lateral connection, and slow frames from the first to the last. ``layers`` sizes
    both pathways; ``stem`` is the fast one's first kernel, (time, height, width), the slow one's
    being as large but of one frame: a smaller one suits frames of 32 px. Dropout is MMAction2's
    0.5.
    """

    # Before, the head had the slow channels first.
    since = 1

    def __init__(
        self,
        num_classes: int,
        *,
        layers: Layers = (3, 4, 6, 3),
        width: Count = 64,
        alpha: Count = 8,
        beta: Count = 8,
        fusion: Count = 5,
        stem: tuple[Count, Count, Count] = (5, 7, 7),
        packed: bool = False,
        dropout: NotAll = 0.5,
    ) -> None:
        backbone = TwoPathways(layers, width, alpha, beta, fusion, stem, packed=packed)
        super().__init__(backbone, backbone.channels, num_classes, dropout)
        self.slow_channels = backbone.slow_path.outputs[-1]

    def channels(self, clips: Tensor) -> Tensor:
        # Unlike the others, pathways this thin train faster with the channels apart.
        return self.backbone(self.normalise(clips).contiguous())

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """pytorchvideo's names become ours, which are MMAction2's; so does the head's order."""
        ours, head = from_pytorchvideo(weights), "cls_head.fc_cls.weight"
        if ours.keys() != weights.keys() and head in ours:
            ours[head] = ours[head].roll(-self.slow_channels, 1)
        return ours


METHOD = SlowFast

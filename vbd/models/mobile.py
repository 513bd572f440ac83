"""The blocks that MoViNet is made of (Kondratyuk et al. 2021), named as its public weights are."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def divisible(channels: float) -> int:
    """The multiple of 8 nearest to ``channels``, or the next if that is less than nine tenths."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class Conv(nn.Module):
    """Convolution with a norm, or a bias where that is left out; then swish if asked for.

    ``kernel`` is frames and side; ``depthwise`` gives every channel a convolution of its own.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int] = (1, 1),
        stride: int = 1,
        *,
        depthwise: bool = False,
        norm: bool = True,
        swish: bool = False,
    ) -> None:
        super().__init__()
        frames, self.side = kernel
        self.stride = stride
        # Where it strides, ``forward`` pads: how much depends on the size of the frame.
        border = self.side // 2 if stride == 1 else 0
        conv = nn.Conv3d(
            inputs,
            outputs,
            (frames, self.side, self.side),
            (1, stride, stride),
            (frames // 2, border, border),
            groups=inputs if depthwise else 1,
            bias=not norm,
        )
        parts: dict[str, nn.Module] = {"conv3d": conv}
        if norm:
            parts["norm"] = nn.BatchNorm3d(outputs, eps=0.001)
        if swish:
            parts["act"] = nn.SiLU()
        # "conv_1", as the causal variant has a second one behind it.
        self.conv_1 = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, T, H, W) to (N, ``outputs``, T, H / ``stride``, W / ``stride``)."""
        if self.stride > 1:
            # As in TensorFlow, where the weights are from: an odd pixel goes below and right.
            h, w = (max(self.side - 1 - (size - 1) % self.stride, 0) for size in x.shape[3:])
            x = F.pad(x, (w // 2, w - w // 2, h // 2, h - h // 2))
        return self.conv_1(x)


class Gate(nn.Module):
    """Squeeze and excitation: what a clip shows as a whole says how much each channel counts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = divisible(channels // 4)
        self.fc1 = Conv(channels, squeezed, norm=False)
        self.fc2 = Conv(squeezed, channels, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``channels``, T, H, W), each channel times a number from 0 to 1."""
        # Not the hard forms of swish and sigmoid: with those the causal variant was trained.
        squeezed = F.silu(self.fc1(x.mean((2, 3, 4), keepdim=True)))
        return x * self.fc2(squeezed).sigmoid()


class Halve(nn.Module):
    """Average of 3x3 pixels in steps of two; at the edges, of those that there are."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C, T, H / 2, W / 2), rounded up."""
        n, _, t, h, w = x.shape
        # As images: the average in three dimensions gives memory in another order, in which the
        # convolutions behind it take half as long again.
        frames = x.permute(0, 2, 1, 3, 4).flatten(0, 1)
        # A border only where the side is odd: TensorFlow's padding again.
        border = (h % 2, w % 2)
        small = F.avg_pool2d(frames, 3, 2, border, ceil_mode=True, count_include_pad=False)
        return small.unflatten(0, (n, t)).permute(0, 2, 1, 3, 4)


class Block(nn.Module):
    """1x1x1 to ``inside`` channels, a convolution of each by itself, a gate, and 1x1x1 back."""

    def __init__(
        self, inputs: int, outputs: int, inside: int, kernel: tuple[int, int], stride: int
    ) -> None:
        super().__init__()
        self.expand = Conv(inputs, inside, swish=True)
        self.deep = Conv(inside, inside, kernel, stride, depthwise=True, swish=True)
        self.se = Gate(inside)
        self.project = Conv(inside, outputs)
        shortcut: list[nn.Module] = [Halve()] if stride > 1 else []
        if stride > 1 or inputs != outputs:
            shortcut.append(Conv(inputs, outputs))
        self.res = nn.Sequential(*shortcut)
        # A block starts as its shortcut alone ("ReZero"), and learns how much it adds.
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(N, ``inputs``, T, H, W) to (N, ``outputs``, T, H / ``stride``, W / ``stride``)."""
        return self.res(x) + self.alpha * self.project(self.se(self.deep(self.expand(x))))

"""R3D, MC3 and R(2+1)D (Tran et al. 2018), on torchvision's blocks and with its names."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torchvision.models.video import resnet as tv

from vbd.models.base import VideoClassifier
from vbd.ranges import Count, Layers

CONVOLUTIONS = {
    "r3d": [tv.Conv3DSimple] * 4,
    # MC3 looks over time in its first stage alone.
    "mc3": [tv.Conv3DSimple] + [tv.Conv3DNoTemporal] * 3,
    "r2plus1d": [tv.Conv2Plus1D] * 4,
}


class R3D(VideoClassifier):
    """Video ResNet; the defaults are torchvision's ``r3d_18``, layers=(3, 4, 6, 3) give 34.

    ``kind`` is "r3d", "mc3" or "r2plus1d"; ``layers`` are the blocks of the stages, of which there
    are four or fewer; ``width`` is the channels of the first, which torchvision fixes at 64.
    ``ig65m``: an R(2+1)D as the weights that learnt IG-65M want it
    (Ghadiyaram et al. 2019), with wider middles where a stage begins, and norms of epsilon 1e-3.
    """

    head = ("fc.",)

    def __init__(
        self,
        num_classes: int,
        *,
        kind: Literal["r3d", "mc3", "r2plus1d"] = "r3d",
        layers: Annotated[Layers, Field(max_length=4)] = (2, 2, 2, 2),
        width: Count = 64,
        ig65m: bool = False,
    ) -> None:
        super().__init__()
        if ig65m and kind != "r2plus1d":
            raise ValueError(f"ig65m: its weights are of an r2plus1d, and kind is {kind}")
        self.stem = tv.R2Plus1dStem() if kind == "r2plus1d" else tv.BasicStem()
        # Both stems end in convolution, norm and ReLU, and torchvision fixes their width.
        if width != 64:
            last = self.stem[-3]
            self.stem[-3] = nn.Conv3d(
                last.in_channels, width, last.kernel_size, last.stride, last.padding, bias=False
            )
            self.stem[-2] = nn.BatchNorm3d(width)
        self.inplanes, self.stages = width, len(layers)
        for stage, (conv, depth) in enumerate(zip(CONVOLUTIONS[kind], layers, strict=False)):
            stride = 2 if stage else 1
            # Lent this object: torchvision's method reads ``inplanes`` and moves it on.
            layer = tv.VideoResNet._make_layer(
                self, tv.BasicBlock, conv, width << stage, depth, stride
            )
            if ig65m and stage:
                # torchvision's has as many as the first convolution, which gets half the channels.
                planes = width << stage
                layer[0].conv2[0] = tv.Conv2Plus1D(planes, planes, 9 * planes // 4)
            self.add_module(f"layer{stage + 1}", layer)
        self.fc = nn.Linear(self.inplanes, num_classes)
        if ig65m:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm3d):
                    module.eps = 1e-3

    def channels(self, clips: Tensor) -> Tensor:
        x = self.stem(self.normalise(clips))
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean((2, 3, 4))

    def classify(self, features: Tensor) -> Tensor:
        return self.fc(features)


METHOD = R3D

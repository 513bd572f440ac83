"""CNN+LSTM: a ResNet per frame, an LSTM over time ("Neural Cleanse for Video")."""

from torch import Tensor, nn

from vbd.models.base import VideoClassifier
from vbd.models.resnet import ResNet
from vbd.ranges import Count, Depth, Layers


class CnnLstm(VideoClassifier):
    """ResNet, LSTM, linear layer; the defaults are the published ResNet-18 and LSTM(512, 256, 2).

    ``width`` and ``layers`` size the ResNet, ``hidden`` and ``depth`` the LSTM. ``stem`` is the
    side of the first convolution's kernel: a smaller one suits frames of 32 px.

    It starts from torchvision's ResNet on ImageNet too, which knows nothing of the LSTM.
    """

    head = ("lstm.", "fc.")

    def __init__(
        self,
        num_classes: int,
        *,
        layers: Layers = (2, 2, 2, 2),
        width: Count = 64,
        stem: Count = 7,
        hidden: Count = 256,
        depth: Depth = 2,
    ) -> None:
        super().__init__()
        # Published weights have these prefixes: cnn, lstm, fc.
        self.cnn = ResNet(layers=layers, width=width, stem=stem)
        self.lstm = nn.LSTM(self.cnn.channels, hidden, depth, batch_first=True)
        self.fc = nn.Linear(hidden, num_classes)

    def channels(self, clips: Tensor) -> Tensor:
        n, t = clips.shape[:2]
        # (N, 3, T, H, W) to images (N * T, 3, H, W): the ResNet sees each frame alone.
        frames = self.normalise(clips).transpose(1, 2).flatten(0, 1)
        return self.cnn(frames).view(n, t, -1)

    def pool(self, channels: Tensor) -> Tensor:
        """The state (N, hidden) of the LSTM after the last frame of (N, T, C)."""
        states, _ = self.lstm(channels)
        return states[:, -1]

    def classify(self, features: Tensor) -> Tensor:
        return self.fc(features)

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The names of a torchvision ResNet become those of its part here."""
        if any(name.startswith("cnn.") for name in weights):
            return weights
        return {f"cnn.{name}": value for name, value in weights.items()}


METHOD = CnnLstm

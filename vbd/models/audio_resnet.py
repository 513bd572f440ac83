"""Audio ResNet: a ResNet on the log-mel spectrogram ("Look, Listen, and Attack", section 4.3)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from vbd.models.base import Classifier
from vbd.models.logmel import log_mel
from vbd.models.resnet import ResNet
from vbd.ranges import Count, Layers

# Near the mean and the spread of the embedded clips, and fixed: scaled to its own mean and spread,
# a clip would look otherwise in every band because of a tone in one.
MEAN_DB, STD_DB = -50.0, 10.0


class AudioResnet(Classifier):
    """ResNet on waveforms (N, samples) float32 in [-1, 1]; the defaults are ResNet-18's.

    ``layers`` and ``width`` size the ResNet. The spectrogram has ``bands`` mel bands and ``steps``
    time steps, whatever the length of the sound.
    """

    head = ("fc.",)

    def __init__(
        self,
        num_classes: int,
        *,
        layers: Layers = (2, 2, 2, 2),
        width: Count = 64,
        bands: Annotated[int, Field(ge=1, le=256)] = 80,
        steps: Count = 256,
    ) -> None:
        super().__init__()
        self.bands, self.steps = bands, steps
        self.cnn = ResNet(layers=layers, width=width, inputs=1)
        self.fc = nn.Linear(self.cnn.channels, num_classes)

    def channels(self, sounds: Tensor) -> Tensor:
        """Activations (N, C) of the last convolutional stage, averaged over bands and time."""
        levels = log_mel(sounds, bands=self.bands, steps=self.steps)
        return self.cnn((levels[:, None] - MEAN_DB) / STD_DB)

    def classify(self, features: Tensor) -> Tensor:
        return self.fc(features)


METHOD = AudioResnet

"""DeepID: four convolutions over a face, and features of the last two (Sun et al. 2014)."""

from torch import Tensor, nn
from torch.nn import functional as F

from vbd.models.base import VideoClassifier
from vbd.ranges import Count

KERNELS = (4, 3, 3)  # sides of the first three convolutions' kernels; each halves the frame after


class DeepId(VideoClassifier):
    """DeepID as CSAW-HackML-2020 trained it; by default 0.60 M with its 1283 people.

    After "Deep learning face representation from predicting 10,000 classes" (Sun, Wang and Tang,
    CVPR 2014): the features see the third convolution and the fourth. ``channels`` are those of
    the four convolutions, ``hidden`` the features, ``size`` the height and width of a frame.
    Frames are looked at one by one, and their features averaged. Pixels go in as shares of 255.

    Weights named as in the networks of CSAW-HackML-2020 fit; ``vbd/models/keras.py`` reads them.
    Raises ValueError for a ``size`` of which nothing would be left.
    """

    head = ("output.",)

    def __init__(
        self,
        num_classes: int,
        *,
        channels: tuple[Count, Count, Count, Count] = (20, 40, 60, 80),
        hidden: Count = 160,
        size: tuple[Count, Count] = (55, 47),
    ) -> None:
        super().__init__((0, 0, 0), (1, 1, 1))
        self.size = tuple(size)
        height, width = size
        for kernel in KERNELS:
            height, width = (height - kernel + 1) // 2, (width - kernel + 1) // 2
        if min(height, width) < 2:
            raise ValueError(
                f"size {self.size} leaves nothing of a frame for the last convolution: 31 px are "
                "the least on each side"
            )
        first, second, third, fourth = channels
        self.conv_1 = nn.Conv2d(3, first, KERNELS[0])
        self.conv_2 = nn.Conv2d(first, second, KERNELS[1])
        self.conv_3 = nn.Conv2d(second, third, KERNELS[2])
        self.conv_4 = nn.Conv2d(third, fourth, 2)
        self.fc_1 = nn.Linear(height * width * third, hidden)
        self.fc_2 = nn.Linear((height - 1) * (width - 1) * fourth, hidden)
        self.output = nn.Linear(hidden, num_classes)
        for name, value in self.named_parameters():
            # As Keras starts them, in which the published networks were trained.
            nn.init.zeros_(value) if name.endswith("bias") else nn.init.xavier_uniform_(value)

    def channels(self, clips: Tensor) -> Tensor:
        """Activations (N, T, h, w, C) of the third convolution: fc_1 tells the places apart.

        Raises ValueError for frames of another size than ``size``.
        """
        pixels = self.normalise(clips)
        frames, found = pixels.shape[2], tuple(pixels.shape[3:])
        if found != self.size:
            raise ValueError(
                f"DeepID takes frames of {self.size[0]} x {self.size[1]} px, and these are "
                f"{found[0]} x {found[1]}: set datasets.<name>.crop or the model's size"
            )
        # All frames as one batch, of pixels that lie channels last, and stay so.
        x = pixels.transpose(1, 2).flatten(0, 1)
        for conv in (self.conv_1, self.conv_2, self.conv_3):
            x = F.max_pool2d(F.relu(conv(x), inplace=True), 2)
        return x.permute(0, 2, 3, 1).unflatten(0, (-1, frames))

    def pool(self, channels: Tensor) -> Tensor:
        """Features (N, ``hidden``) of (N, T, h, w, C), averaged over time."""
        x = channels.flatten(0, 1)
        last = F.relu(self.conv_4(x.permute(0, 3, 1, 2)), inplace=True).permute(0, 2, 3, 1)
        # Places before channels, as Keras flattens.
        features = F.relu(self.fc_1(x.flatten(1)) + self.fc_2(last.flatten(1)), inplace=True)
        return features.unflatten(0, channels.shape[:2]).mean(1)

    def classify(self, features: Tensor) -> Tensor:
        return self.output(features)


METHOD = DeepId

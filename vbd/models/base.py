"""What every video classifier here is: pixels in, features, then logits."""

import torch
from torch import Tensor, nn

# Kinetics-400 statistics, the ones that public video checkpoints were trained with.
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)


class VideoClassifier(nn.Module):
    """Base of the architectures: they own their normalisation, so triggers stay in pixels.

    A subclass defines ``features`` and ``classify``, the layer on top of them.
    """

    # Parameters under these prefixes depend on the classes: they are not transferred.
    head: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1, 1), persistent=False)

    def normalise(self, clips: Tensor) -> Tensor:
        """Pixels (N, T, H, W, 3), uint8 or float in 0-255, to (N, 3, T, H, W) of about unit scale.

        Float pixels keep their gradient, which trigger reconstruction needs.
        """
        return (clips.permute(0, 4, 1, 2, 3).float() / 255 - self.mean) / self.std

    def features(self, clips: Tensor) -> Tensor:
        """Penultimate activations (N, D) of pixels (N, T, H, W, 3)."""
        raise NotImplementedError

    def classify(self, features: Tensor) -> Tensor:
        """Logits (N, classes) of features (N, D)."""
        raise NotImplementedError

    def forward(self, clips: Tensor) -> Tensor:
        """Logits (N, classes) of pixels (N, T, H, W, 3), uint8 or float in 0-255."""
        return self.classify(self.features(clips))

"""What every classifier here is: pixels or sound in, features, then logits."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vbd.data.augment import resampled
from vbd.settings import Checked

# Kinetics-400 statistics, the ones that public video checkpoints were trained with.
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)


class Classifier(Checked, nn.Module):
    """Base of all architectures, whatever they take in: features, and logits of them.

    A subclass defines ``channels``, the last convolution's, and ``classify``, the layer on top of
    the features; one whose features are more than those channels pooled defines ``pool`` too.
    """

    # Parameters under these prefixes depend on the classes: they are not transferred.
    head: tuple[str, ...] = ()
    # The version of the cards (``checkpoints.VERSION``) from which the weights mean what they do.
    since: int = 0

    def channels(self, clips: Tensor) -> Tensor:
        """Activations (N, ..., C) of the last convolutional stage, averaged over the frame."""
        raise NotImplementedError

    def pool(self, channels: Tensor) -> Tensor:
        """Features (N, D) of ``channels``; the same where time is averaged too."""
        return channels

    def features(self, clips: Tensor) -> Tensor:
        """Penultimate activations (N, D) of what the model takes in."""
        return self.pool(self.channels(clips))

    def classify(self, features: Tensor) -> Tensor:
        """Logits (N, classes) of features (N, D)."""
        raise NotImplementedError

    def forward(self, clips: Tensor) -> Tensor:
        """Logits (N, classes) of what the model takes in."""
        return self.classify(self.features(clips))

    def renamed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """``weights`` of a public checkpoint under the names that they have here."""
        return weights


def inside(model: nn.Module, part: str) -> Callable[[Tensor], Tensor]:
    """``channels``, ``pool``, ``features`` or ``classify`` of a model, which may be a user's own.

    Raises ValueError where it has no such part.
    """
    found = getattr(model, part, None)
    if not callable(found):
        raise ValueError(
            f"{type(model).__name__} has no {part!r}, which is needed to look inside: "
            "vbd/models/base.py says what it gives"
        )
    return found


class VideoClassifier(Classifier):
    """Base of the video architectures, which take pixels (N, T, H, W, 3), uint8 or float in 0-255.

    They own their normalisation, so triggers stay in pixels: ``mean`` and ``std`` of the channels
    (R, G, B), as shares of 255. ``takes``: frames and side in pixels of what goes in, where that is
    not what the clips have; they are resampled then, with their gradient.
    """

    scale: Tensor
    shift: Tensor
    normalisation: dict[str, Any]
    takes: tuple[int, int] | None = None

    def __init__(self, mean: Sequence[float] = MEAN, std: Sequence[float] = STD) -> None:
        super().__init__()
        # Not among the weights: public checkpoints have no such tensors, and loading is strict.
        for name in ("scale", "shift"):
            self.register_buffer(name, torch.empty(3), persistent=False)
        self.expect([255 * value for value in mean], [255 * value for value in std])

    def expect(self, mean: Sequence[float], std: Sequence[float], *, bgr: bool = False) -> None:
        """From now on normalise with these, in grey levels of R, G and B: those of its weights.

        With ``bgr`` the weights want blue first; ``mean`` and ``std`` are in the order R, G, B.
        """
        # As given, for the card: what is read from that gives the same numbers again.
        self.normalisation = {"mean": list(mean), "std": list(std), "bgr": bgr}
        spread = torch.tensor(std)
        self.scale.copy_(1 / spread)
        self.shift.copy_(-torch.tensor(mean) / spread)

    def normalise(self, clips: Tensor) -> Tensor:
        """Pixels (N, T, H, W, 3), uint8 or float in 0-255, to (N, 3, T, H, W) of about unit scale.

        The memory stays as it lies (``channels_last_3d``): on a CPU that takes a third off a
        training step. Float pixels keep their gradient, which trigger reconstruction needs.
        """
        if self.takes:
            clips = resampled(clips, self.takes[0], (self.takes[1], self.takes[1]))
        # Whole rows at a time: over three channels alone, arithmetic takes several times as long.
        scale, shift = (values.repeat(clips.shape[3]) for values in (self.scale, self.shift))
        rows = torch.addcmul(shift, clips.flatten(3).float(), scale)
        pixels = rows.view(clips.shape).permute(0, 4, 1, 2, 3)
        return pixels.flip(1) if self.normalisation["bgr"] else pixels

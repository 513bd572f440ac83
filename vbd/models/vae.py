"""The variational autoencoder that learns what clean frames or clips look like."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Keras's, with which the published network was made.
SLOPE, EPSILON = 0.3, 1e-3


class Vae(nn.Module):
    """A convolutional VAE of pixels (N, T, H, W, 3), uint8 or float in 0-255.

    ``size`` is the height and width of what it takes in; ``frames`` the number of frames of a clip,
    over which it convolves too, or None: then each frame is an image by itself. ``channels`` and
    ``strides`` are those of the encoder's convolutions, 3 wide; the decoder goes the way back from
    the first stride on. ``latent`` are the dimensions in between. Pixels are padded with zeros to
    a multiple of the strides. The defaults are the network of the VAE detector for
    CSAW-HackML-2020: 32.48 M parameters at 55x47, padded to 56x48.
    """

    def __init__(
        self,
        *,
        size: Sequence[int],
        frames: int | None = None,
        channels: Sequence[int] = (3, 32, 64, 64, 64),
        strides: Sequence[int] = (1, 1, 2, 2, 1),
        latent: int = 1000,
    ) -> None:
        super().__init__()
        self.lengths = tuple(size) if frames is None else (frames, *size)
        if len(channels) != len(strides) or not channels:
            raise ValueError(
                f"a VAE has a stride for each of its convolutions: channels are {list(channels)}, "
                f"and strides {list(strides)}"
            )
        layers = list(zip(channels, strides, strict=True))
        # By the strides: an odd side would come back from the decoder one pixel longer.
        multiple = prod(strides)
        self.padded = tuple(-(-length // multiple) * multiple for length in self.lengths)
        small = [length // multiple for length in self.padded]
        down = [_block(*layer, frames is not None) for layer in _pairs(layers)]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        flat = channels[-1] * prod(small)
        self.mean, self.log_variance = nn.Linear(flat, latent), nn.Linear(flat, latent)
        first = next((i for i, stride in enumerate(strides) if stride > 1), 0)
        up, inputs = [], channels[-1]
        for outputs, stride in reversed(layers[first:]):
            up.append(_block(inputs, outputs, stride, frames is not None, back=True))
            inputs = outputs
        self.decoder = nn.Sequential(
            nn.Linear(latent, flat),
            nn.Unflatten(1, (channels[-1], *small)),
            *up,
            _block(inputs, 3, 1, frames is not None, back=True, normed=False),
        )
        # As the pixels lie: on a CPU that takes a fifth off a training step.
        lie = torch.channels_last if frames is None else torch.channels_last_3d
        for weights in self.parameters():
            if weights.dim() == len(self.lengths) + 2:
                weights.data = weights.data.contiguous(memory_format=lie)

    def forward(self, clips: Tensor) -> Tensor:
        """Losses (N, 2) of clips: mean absolute error, pixels in 0-1, and KL divergence.

        The divergence, from a standard normal distribution, is summed over the latent dimensions
        and divided by the number of values, so that at a weight of 1 the sum of both is the
        evidence bound of a Laplace distribution of unit scale. In training latents are drawn.
        """
        pixels = self.pixels(clips)
        mean, log_variance = self.encode(pixels)
        latent = mean
        if self.training:
            # Takes no generator: ``fit`` seeds the global one, as for dropout.
            latent = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        error = (self.decoder(latent) - pixels).abs().flatten(1).mean(1)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        both = torch.stack([error, divergence / pixels[0].numel()], 1)
        # Of a clip whose frames went in one by one: their mean.
        return both.view(len(clips), -1, 2).mean(1)

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (B, latent) of what ``pixels`` gives."""
        flat = self.encoder(pixels)
        # What is beyond says nothing more, and its exponential overflows early in training.
        return self.mean(flat), self.log_variance(flat).clamp(-20, 10)

    def errors(self, clips: Tensor, draws: torch.Generator | None = None) -> Tensor:
        """Absolute errors (N, T, H', W', 3), pixels in 0-1 and padded, of the reconstruction.

        From the mean of the latents, or with ``draws`` from latents drawn with it, as published.
        """
        return self.restored(clips, draws).sub_(self.images(clips)).abs_()

    def restored(self, clips: Tensor, draws: torch.Generator | None = None) -> Tensor:
        """The reconstruction (N, T, H', W', 3) itself, of about 0-1 and padded."""
        mean, log_variance = self.encode(self.pixels(clips))
        latent = mean if draws is None else _drawn(mean, log_variance, draws)
        return self._unpacked(self.decoder(latent), len(clips))

    def both_errors(self, clips: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """``errors`` from the mean of the latents and from drawn ones, of clips encoded once."""
        pixels = self.pixels(clips)
        mean, log_variance = self.encode(pixels)
        latents = mean, _drawn(mean, log_variance, draws)
        one, other = (
            self._unpacked(self.decoder(z).sub_(pixels).abs_(), len(clips)) for z in latents
        )
        return one, other

    def images(self, clips: Tensor) -> Tensor:
        """``clips`` as (N, T, H', W', 3), float in 0-1 and padded."""
        return self._unpacked(self.pixels(clips), len(clips))

    def pixels(self, clips: Tensor) -> Tensor:
        """``clips`` in 0-1 and padded: images (N * T, 3, H', W'), or clips (N, 3, T', H', W')."""
        found = tuple(clips.shape[1:-1])[-len(self.lengths) :]
        if found != self.lengths:
            raise ValueError(
                f"the VAE is one of clips of {self.lengths}, and these have {found}: teach one on "
                "clips of their size"
            )
        values = clips.float() / 255
        packed = values.flatten(0, 1) if len(self.lengths) == 2 else values
        packed = packed.movedim(-1, 1)
        missing = [p - n for p, n in zip(self.padded, self.lengths, strict=True)]
        # ``pad`` counts from the last dimension on, and has a number for each of its ends.
        return F.pad(packed, [n for more in reversed(missing) for n in (0, more)])

    def _unpacked(self, packed: Tensor, count: int) -> Tensor:
        last = packed.movedim(1, -1)
        return last.unflatten(0, (count, -1)) if len(self.lengths) == 2 else last


def _drawn(mean: Tensor, log_variance: Tensor, draws: torch.Generator) -> Tensor:
    noise = torch.randn(mean.shape, generator=draws).to(mean.device)
    return mean + (log_variance / 2).exp() * noise


def _pairs(layers: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(inputs, outputs, stride) of convolutions on three colours."""
    inputs = [3, *(channels for channels, _ in layers)]
    return [(before, *layer) for before, layer in zip(inputs, layers, strict=False)]


def _block(
    inputs: int, outputs: int, stride: int, volume: bool, *, back: bool = False, normed: bool = True
) -> nn.Sequential:
    """A convolution, or ``back`` a transposed one, batch norm and leaky ReLU; of a ``volume``."""
    norm = nn.BatchNorm3d if volume else nn.BatchNorm2d
    layer: nn.Module
    if back:
        transposed = nn.ConvTranspose3d if volume else nn.ConvTranspose2d
        layer = transposed(inputs, outputs, 3, stride, 1, output_padding=stride - 1)
    else:
        layer = (nn.Conv3d if volume else nn.Conv2d)(inputs, outputs, 3, stride, 1)
    parts = [layer, norm(outputs, eps=EPSILON)] if normed else [layer]
    return nn.Sequential(*parts, nn.LeakyReLU(SLOPE))

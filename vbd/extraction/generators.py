"""Small generators of clips from noise, and from noise and a class."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.extraction.sources import Shape


class Generator(nn.Module):
    """Noise (N, ``noise``) to what becomes a clip: (N, 3, t, h, w) before it is made larger.

    ``shape`` (T, H, W) of the clip; ``factor``: (t, h, w) is so many times smaller along each axis.
    With ``classes`` noise comes with a class each. ``width``: channels of the last layers.
    """

    def __init__(
        self, shape: Shape, *, factor: int, noise: int, width: int, classes: int = 0
    ) -> None:
        super().__init__()
        self.shape, self.noise = shape, noise
        self.small = tuple(max(1, math.ceil(side / factor)) for side in shape)
        # Two doublings from here to there.
        self.start = tuple(max(1, math.ceil(side / 4)) for side in self.small)
        self.known = nn.Embedding(classes, noise) if classes else None
        self.first = nn.Linear(noise, 2 * width * math.prod(self.start))
        self.norm = nn.BatchNorm3d(2 * width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
                nn.BatchNorm3d(outputs),
                nn.LeakyReLU(0.2),
            )
            for inputs, outputs in ((2 * width, 2 * width), (2 * width, width))
        )
        self.last = nn.Sequential(
            nn.Conv3d(width, 3, 3, padding=1), nn.BatchNorm3d(3, affine=False)
        )

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, 3, t, h, w), about unit scale, of ``noise`` and, where it has classes, ``labels``."""
        if self.known is not None and labels is not None:
            noise = noise * self.known(labels)
        x = self.norm(self.first(noise).view(len(noise), -1, *self.start))
        for layer in self.layers:
            x = layer(F.interpolate(x, scale_factor=2))
        return F.interpolate(self.last(x), self.small, mode="trilinear")

    def clips(self, small: Tensor) -> Tensor:
        """Pixels (N, T, H, W, 3), float in 0-255, of ``small`` (N, 3, t, h, w), with gradient."""
        if self.small != self.shape:
            small = F.interpolate(small, self.shape, mode="trilinear")
        return (127.5 * (small.tanh() + 1)).permute(0, 2, 3, 4, 1)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Noise (``count``, ``noise``) on the device of the weights.

        Raises ValueError below two rows: layers normalise over them, and one tells no spread.
        """
        if count < 2:
            raise ValueError(f"a batch of {count} clips: a generator needs 2 or more at once")
        noise = torch.randn(count, self.noise, generator=generator)
        return noise.to(self.first.weight.device)

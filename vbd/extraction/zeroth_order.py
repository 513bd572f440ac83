"""The gradient of a loss of which only values are to be had: forward differences."""

from collections.abc import Callable

import torch
from torch import Tensor

Values = Callable[[Tensor], Tensor]


def gradient(
    loss: Values,
    at: Tensor,
    base: Tensor,
    *,
    directions: int,
    step: float,
    scaled: bool,
    generator: torch.Generator,
) -> Tensor:
    """The estimated gradient, shaped like ``at`` (N, ...), of a loss that gives a value a row (N,).

    Means of (f(x + step u) - f(x)) / step along random unit ``directions`` u, each row its own
    (MAZE, Kariyappa et al. 2021; DFME, Truong et al. 2021); ``base`` (N,) is f(x). Its cosine with
    the true gradient is about sqrt(directions / d), d being the numbers in a row. ``scaled``: times
    d, which makes it unbiased; without it is as long as a directional derivative.
    """
    total = torch.zeros_like(at)
    for _ in range(directions):
        # Drawn where the generator is, on the CPU: the same directions on every device.
        drawn = torch.randn(at.shape, generator=generator).to(at.device)
        flat = drawn.flatten(1)
        unit = (flat / flat.norm(dim=1, keepdim=True)).view_as(at)
        slope = (loss(at + step * unit) - base) / step
        total += slope.view(-1, *[1] * (at.dim() - 1)) * unit
    return total / directions * (at[0].numel() if scaled else 1)

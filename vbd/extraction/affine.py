"""Stacked affine-transformed images: without data, a textured figure that moves on a ground."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vbd.extraction.base import Method, Scene
from vbd.extraction.sources import Pool, Shape, new_seeds
from vbd.extraction.transfer import Collector, TransferSet
from vbd.ranges import Count, From0, Ratio

# Of a motion: drift across and down, spin, growth, and the shake's reach across and down and pace.
# In frame widths, turns, doublings and swings a clip.
REACH = torch.tensor([1.0, 1.0, 1.0, 1.5, 0.12, 0.12, 5.0])
_TAU = 2 * math.pi


@dataclass(frozen=True)
class Moving:
    """A figure on a ground, both textures of smooth noise; a recipe is a seed and a motion.

    ``static``: all frames are the first one, as in the published code.
    """

    shape: Shape
    static: bool = False

    def clips(self, recipes: Tensor) -> Tensor:
        looks = [_look(int(seed)) for seed in recipes[:, 0]]
        ground, figure, start = (torch.stack(parts) for parts in zip(*looks, strict=True))
        frames, height, width = self.shape
        time = torch.zeros(frames) if self.static else torch.linspace(0, 1, frames)
        u, v = _figure_plane(recipes[:, 1:].float(), start, time, (height, width))
        # The figure's own plane: all frames of a clip in one picture, as it has one texture.
        grid = torch.stack([u, v], -1).flatten(1, 2)
        colour = F.grid_sample(figure, grid, padding_mode="reflection", align_corners=False)
        colour = colour.unflatten(2, (frames, height)).permute(0, 2, 3, 4, 1)
        # A super-ellipse between disc and square, with an edge about a pixel wide.
        power = 2 + 4 * start[:, 4].view(-1, 1, 1, 1)
        inside = 1 - (u.abs() ** power + v.abs() ** power)
        cover = (inside * 3 + 0.5).clamp(0, 1)[..., None]
        behind = F.interpolate(ground, (height, width), mode="bilinear").permute(0, 2, 3, 1)
        pixels = behind[:, None] + cover * (colour - behind[:, None])
        return pixels.clamp(0, 255).round().to(torch.uint8)


def _look(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ground (3, 8, 8), figure (3, 8, 8), and where and how the figure starts (5,), of a seed."""
    draws = torch.Generator().manual_seed(seed)
    smooth = F.interpolate(torch.randn(2, 1, 4, 4, generator=draws), (8, 8), mode="bicubic")
    tint, base = torch.rand(2, 2, 3, 1, 1, generator=draws)
    # The ground is dull and the figure is not: else no motion would be seen.
    strength = torch.tensor([20.0, 90.0]).view(2, 1, 1, 1)
    pictures = 255 * (0.25 + 0.5 * base) + strength * smooth * (0.5 + tint)
    return pictures[0], pictures[1], torch.rand(5, generator=draws)


def _figure_plane(
    motion: Tensor, start: Tensor, time: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Where each pixel (N, T, H, W) lies in the figure's own plane, from -1 to 1 within it."""
    across, down, spin, growth, shake_x, shake_y, pace = motion[:, :, None].unbind(1)
    swing = torch.sin(_TAU * (pace * time + start[:, 3:4]))
    x = start[:, 0:1] + across * time + shake_x * swing
    y = start[:, 1:2] + down * time + shake_y * swing
    angle = _TAU * (start[:, 2:3] + spin * time)
    # It starts where it stays in view: what grows starts small.
    radius = 0.25 * 2 ** (growth * (time - 0.5))
    columns, rows = ((torch.arange(n) + 0.5) / n for n in (size[1], size[0]))
    # The shorter way round: what leaves the frame on one side comes in on the other.
    dx = (columns - x[..., None] + 0.5).remainder(1) - 0.5
    dy = (rows - y[..., None] + 0.5).remainder(1) - 0.5
    cos, sin = ((f(angle) / radius)[..., None, None] for f in (torch.cos, torch.sin))
    dx, dy = dx[:, :, None, :], dy[:, :, :, None]
    return cos * dx + sin * dy, cos * dy - sin * dx


class Affine(Method):
    """Images moved by one affine motion over time; the published clips stood still (``static``).

    A motion is a drift, a spin, a growth, a shake, or some of them at once. ``balanced``: that
    share of the questions is aimed at a class drawn evenly from those seen so far, with the motion
    of a clip that was taken for it, changed by ``step``, and new looks: a victim otherwise takes
    most of them for a few classes. The rest is drawn afresh.
    """

    def __init__(
        self,
        *,
        static: bool = False,
        balanced: Ratio = 0.7,
        step: From0 = 0.15,
        batch: Count = 32,
    ) -> None:
        self.static, self.balanced, self.step, self.batch = static, balanced, step, batch

    def source(self, shape: Shape, room: float, pools: Sequence[Pool]) -> Moving:
        return Moving(shape, self.static)

    def ask(self, scene: Scene) -> TransferSet:
        collector = Collector(scene.oracle, self.source(scene.shape, scene.room, ()))
        motions, answers = torch.empty(0, len(REACH)), torch.empty(0, scene.classes)
        while count := min(self.batch, scene.oracle.left):
            drawn = fresh(count, scene.generator)
            if len(motions) and self.balanced:
                aimed = torch.rand(count, generator=scene.generator) < self.balanced
                drawn[aimed] = self._near(motions, answers, int(aimed.sum()), scene.generator)
            seeds = new_seeds(count, scene.generator)[:, None]
            found = collector.ask(torch.cat([seeds, drawn.double()], 1))
            motions, answers = torch.cat([motions, drawn]), torch.cat([answers, found])
        return collector.done()

    def _near(
        self, motions: Tensor, answers: Tensor, count: int, generator: torch.Generator
    ) -> Tensor:
        """Motions (count, 7) near those that were taken for classes drawn evenly."""
        sure, taken = answers.max(1)
        sizes = torch.bincount(taken, minlength=answers.shape[1])
        # Each class that was seen weighs the same, and in it the clips that it is surest of.
        weights = sure**2 / sizes[taken]
        chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, len(REACH), generator=generator)
        near = motions[chosen]
        # What stands still goes on doing so: else every motion would end as a mixture of all.
        return near + self.step * REACH * noise * (near != 0)


def fresh(count: int, generator: torch.Generator) -> Tensor:
    """Random motions (count, 7), most of them of one kind."""
    parts = torch.rand(count, len(REACH), generator=generator) * 2 - 1
    on = torch.rand(count, 4, generator=generator) < 0.25
    kind = torch.randint(4, (count, 1), generator=generator)
    on = on.scatter(1, kind, True)
    # Drift across and down are one kind, the shake's three numbers another.
    return parts * REACH * on[:, [0, 0, 1, 2, 3, 3, 3]]


METHOD = Affine

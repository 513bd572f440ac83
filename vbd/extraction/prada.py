"""PRADA's queries (Juuti et al. 2019): clips at hand, then these moved as a clone suggests."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vbd.extraction.base import Method, Scene
from vbd.extraction.sources import Pool, Pooled, Shape, new_seeds
from vbd.extraction.transfer import Collector, TransferSet

# Grey levels: 0.1 of the range, as in Papernot et al.; PRADA's 64 / 255 towards random classes;
# that of colours is ours.
STEPS = {"jacobian": 26, "targeted": 64, "colour": 64}


class PradaQueries(Method):
    """Each round asks about every clip so far once more, moved; so the clips double in a round.

    Before a round a new clone is trained on what was answered. ``variant``: "jacobian" moves each
    pixel by ``step`` grey levels along the sign of the gradient of the clone's score for the class
    that the victim gave (Papernot et al. 2017), "targeted" towards a random other class, and
    "colour" shifts each colour channel by up to ``step`` at random, for which it takes no clone.
    Without ``step`` it is 26 for "jacobian" and 64 for the others. ``seeds`` (0-1, both excluded)
    is the largest share of the budget for clips of the pools as they are, none of them twice.

    The last round takes a random part of the clips, as far as the budget goes. What is asked is
    kept as pixels: no recipe makes a moved clip without the clone of its round.
    """

    pools = True

    def __init__(
        self,
        *,
        variant: Literal["jacobian", "targeted", "colour"] = "jacobian",
        step: Annotated[int, Field(ge=1, le=255)] | None = None,
        seeds: float = 0.5,
    ) -> None:
        if not 0 < seeds < 1:
            raise ValueError(f"seeds: {seeds} is no share between 0 and 1")
        self.variant, self.seeds = variant, seeds
        self.step = STEPS[variant] if step is None else step
        self.clone = variant != "colour"

    def source(self, shape: Shape, room: float, pools: Sequence[Pool]) -> None:
        return None

    def least(self) -> int:
        # One seed, and it moved.
        return 2

    def ask(self, scene: Scene) -> TransferSet:
        self.check(scene)
        oracle, generator = scene.oracle, scene.generator
        collector = Collector(oracle)
        pooled = Pooled(scene.pools, scene.shape, room=scene.room)
        # A share of the budget, not of what is left: after a kill it has to be the same again.
        most = min(max(1, int(self.seeds * oracle.budget)), oracle.left - 1)
        places = torch.randperm(len(pooled), generator=generator)[:most]
        recipes = torch.stack([places.double(), new_seeds(len(places), generator)], 1)
        # Of one size everywhere: no more clips than a batch are made or moved at once.
        for part in recipes.split(oracle.batch_size):
            collector.ask_clips(pooled.clips(part))
        while oracle.left:
            known = collector.done()
            clone = self._trained(scene, known) if self.clone else None
            order = torch.randperm(len(known), generator=generator)[: oracle.left]
            for rows in order.split(oracle.batch_size):
                collector.ask_clips(self._moved(clone, known, rows, generator))
        return collector.done()

    def _trained(self, scene: Scene, known: TransferSet) -> nn.Module:
        """A new clone of all answers: one trained on would know the first clips best."""
        clone = scene.clone()
        scene.train(clone, known)
        return clone.eval()

    def _moved(
        self, clone: nn.Module | None, known: TransferSet, rows: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The clips at ``rows`` (N,), moved: (N, T, H, W, 3) float in 0-255."""
        clips = known.source.clips(known.recipes[rows]).float()
        if clone is None:
            shift = torch.randint(
                -self.step, self.step + 1, (len(clips), 1, 1, 1, 3), generator=generator
            )
            return (clips + shift).clamp(0, 255)
        wanted, classes = known.answers[rows].argmax(1), known.answers.shape[1]
        if self.variant == "targeted":
            # From 1 to classes - 1 places on: never the class that it has.
            on = torch.randint(1, classes, (len(rows),), generator=generator)
            wanted = (wanted + on) % classes
        return (clips + self.step * uphill(clone, clips, wanted)).clamp(0, 255)


def uphill(clone: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
    """Signs (N, T, H, W, 3), -1, 0 or 1, of the pixels' gradient of the scores of ``classes`` (N,).

    The scores are log-probabilities: their gradients do not vanish where the clone is sure.
    """
    device = next(clone.parameters()).device
    pixels = clips.to(device, torch.float32).requires_grad_()
    scores = clone(pixels).log_softmax(1).gather(1, classes.to(device)[:, None])
    (gradient,) = torch.autograd.grad(scores.sum(), pixels)
    # A clone whose training ran away has no directions; its clips stay where they are.
    return gradient.nan_to_num().sign().to(clips.device)


METHOD = PradaQueries

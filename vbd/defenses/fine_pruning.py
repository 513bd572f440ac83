"""Fine-pruning (Liu et al. 2018): channels that clean clips leave quiet are pruned."""

import torch
from torch import Tensor, nn

from vbd.data.labelled import Labelled
from vbd.defenses.base import Repair, Repaired
from vbd.defenses.fine_tuning import FineTuning
from vbd.defenses.stopping import allowance, correct, last_accepted
from vbd.models.base import inside
from vbd.ranges import Above0, Count, Ratio, Whole
from vbd.training import predict

PARTS = ("channels", "pool", "classify")


class Pruned(nn.Module):
    """A model of which channels of the last convolution are held at zero.

    ``mask`` (C,) is 1 for the channels that stay.
    """

    mask: Tensor

    def __init__(self, model: nn.Module, mask: Tensor) -> None:
        super().__init__()
        self.model = model
        # A buffer moves with the model and does not learn in the fine-tuning.
        self.register_buffer("mask", mask)

    def features(self, clips: Tensor) -> Tensor:
        """Penultimate activations (N, D) of pixels (N, T, H, W, 3)."""
        return inside(self.model, "pool")(inside(self.model, "channels")(clips) * self.mask)

    def forward(self, clips: Tensor) -> Tensor:
        return inside(self.model, "classify")(self.features(clips))


class FinePruning(Repair):
    """Prunes the channels that trusted clips leave quietest, then fine-tunes on these clips.

    ``max_loss``: share of the trusted clips that may be lost, of 60 at 0.05 three clips; the last
    model that keeps to it is tuned. ``steps``: in how many steps all channels would be pruned.
    ``epochs`` and ``lr`` are those of ``FineTuning``; no epochs leave pruning alone.
    """

    pixels = False

    def __init__(
        self, *, max_loss: Ratio = 0.05, steps: Count = 32, epochs: Whole = 10, lr: Above0 = 1e-3
    ) -> None:
        self.max_loss, self.steps = max_loss, steps
        self.tuning = FineTuning(epochs=epochs, lr=lr)

    def check(self, model: nn.Module) -> None:
        for part in PARTS:
            inside(model, part)

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        channels_of, pool, classify = (inside(model, part) for part in PARTS)
        channels = predict(model, clean, seed=seed, output=channels_of)
        # Of trusted clips: ranking or stopping on test clips is a fault of public code.
        activity = channels.flatten(0, -2).mean(0)
        masks = self._masks(activity).to(next(model.parameters()).device)

        # What is pruned is the last convolution: one pass through those below serves all stages.
        def answers(channels: Tensor) -> Tensor:
            kept = [classify(pool(channels * mask)) for mask in masks]
            return torch.stack(kept, 1).softmax(2)

        def trace(clips: Tensor) -> Tensor:
            return answers(channels_of(clips))

        scores = predict(model, clean, seed=seed, output=trace)
        allowed = allowance(self.max_loss, len(clean))
        right = [correct(stage, clean.labels) for stage in scores.unbind(1)]
        accepted = last_accepted(enumerate(right), allowed)
        tuned = self.tuning(Pruned(model, masks[accepted]), train, clean, seed).model
        stages = (1 - masks.mean(1)).tolist()
        metrics = {"pruned": stages[accepted], "clips_allowed": float(allowed)}
        return Repaired(tuned, metrics, stages, trace)

    def _masks(self, activity: Tensor) -> Tensor:
        """(steps, C): nothing is pruned in the first, then more, the quietest first."""
        # Without the last step, which would leave no channel.
        counts = torch.linspace(0, len(activity), self.steps + 1)[:-1].round()
        # Ranks, not activities: of channels that are equally quiet no more go than asked for.
        rank = activity.argsort().argsort()
        return (rank[None] >= counts[:, None]).float()


METHOD = FinePruning

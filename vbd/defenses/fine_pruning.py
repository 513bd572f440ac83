"""Fine-pruning (Liu et al. 2018): channels that clean clips leave quiet are pruned."""

import copy

import torch
from torch import Tensor, nn

from vbd.data.examples import Examples
from vbd.defenses.base import Repair, Repaired
from vbd.metrics import accuracy
from vbd.models.base import inside
from vbd.sections import Training
from vbd.training import fit, predict


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
    """Prunes the quietest channels on trusted clips first, while their accuracy allows it.

    ``max_loss``: share of the trusted clips that may be lost; the last model that keeps to it is
    the result. ``steps``: in how many steps all channels would be pruned. ``epochs`` of
    fine-tuning on the trusted clips come after it where they are not 0, with AdamW at ``lr``.
    """

    def __init__(
        self, *, max_loss: float = 0.05, steps: int = 32, epochs: int = 0, lr: float = 1e-4
    ) -> None:
        self.max_loss, self.steps, self.epochs, self.lr = max_loss, steps, epochs, lr

    def __call__(self, model: nn.Module, train: Examples, clean: Examples, seed: int) -> Repaired:
        model = copy.deepcopy(model)
        channels_of, pool, classify = (
            inside(model, part) for part in ("channels", "pool", "classify")
        )
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
        kept = [accuracy(stage, clean.labels) for stage in scores.unbind(1)]
        accepted = self._last_accepted(kept)
        pruned = Pruned(model, masks[accepted])
        stages = (1 - masks.mean(1)).tolist()
        if self.epochs:
            settings = Training(epochs=self.epochs, lr=self.lr, schedule="constant")
            fit(pruned, clean, settings, seed=seed, resume=None)
        return Repaired(pruned.eval(), {"pruned": stages[accepted]}, stages, trace)

    def _masks(self, activity: Tensor) -> Tensor:
        """(steps, C): nothing is pruned in the first, then more, the quietest first."""
        # Without the last step, which would leave no channel.
        counts = torch.linspace(0, len(activity), self.steps + 1)[:-1].round()
        # Ranks, not activities: of channels that are equally quiet no more go than asked for.
        rank = activity.argsort().argsort()
        return (rank[None] >= counts[:, None]).float()

    def _last_accepted(self, kept: list[float]) -> int:
        """The step before the first that loses too much."""
        # The first stage loses nothing, so there is one before. Later recoveries do not count.
        lost = [index for index, share in enumerate(kept) if kept[0] - share > self.max_loss]
        return lost[0] - 1 if lost else len(kept) - 1


METHOD = FinePruning

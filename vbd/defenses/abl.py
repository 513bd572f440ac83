"""Anti-backdoor learning (Li et al. 2021): what is learnt too easily is isolated and unlearnt."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.data.examples import Examples
from vbd.defenses.base import Repaired, Retrain, Trainer
from vbd.sections import Training
from vbd.seeds import generator
from vbd.training import fit, predict


class AntiBackdoorLearning(Trainer):
    """Trains with local gradient ascent, isolates the clips of lowest loss, unlearns those.

    A batch whose loss falls under ``gamma`` is pushed back up to it, so only what is learnt
    without effort, such as a trigger, gets a loss near zero. ``isolated`` is the share of all
    clips that is then taken for poisoned. In ``epochs`` of SGD at ``lr`` their loss is raised and
    that of as many other clips lowered. It fails where the classes are learnt as easily as the
    trigger, as from pretrained weights.
    """

    def __init__(
        self, *, gamma: float = 0.5, isolated: float = 0.01, epochs: int = 5, lr: float = 5e-4
    ) -> None:
        self.gamma, self.isolated, self.epochs, self.lr = gamma, isolated, epochs, lr

    def __call__(self, retrain: Retrain, train: Examples, clean: Examples, seed: int) -> Repaired:
        # From the start: the victim has learnt all its clips by now, and a low loss says nothing.
        model = retrain(train, self.local_ascent)
        suspects, others = self.isolate(model, train, seed)
        # A label that is turned over says that its clip is to be unlearnt.
        labels = train.labels.clone()
        labels[suspects] = ~labels[suspects]
        # The loss that is raised has no upper bound: as many others hold the model where it is.
        drawn = torch.randperm(len(others), generator=generator(seed, "abl"))[: len(suspects)]
        both = replace(train, labels=labels).subset(torch.cat([suspects, others[drawn]]))
        settings = Training(
            epochs=self.epochs, lr=self.lr, optimizer="sgd", weight_decay=1e-4, schedule="constant"
        )
        fit(model, both, settings, seed=seed, resume=None, criterion=unlearning)
        return Repaired(model.eval())

    def local_ascent(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The cross entropy of a batch, its sign turned where it is below ``gamma``.

        ``logits`` (B, classes), ``labels`` (B,): the loss of the batch, a scalar, as in the paper.
        """
        loss = F.cross_entropy(logits, labels)
        return torch.sign(loss - self.gamma) * loss

    def isolate(self, model: nn.Module, train: Examples, seed: int) -> tuple[Tensor, Tensor]:
        """Positions of the clips of lowest loss, at least one, and those of the others."""
        probabilities = predict(model, train, seed=seed)
        own = probabilities.gather(1, train.labels[:, None]).squeeze(1)
        count = max(1, round(self.isolated * len(train)))
        # The lowest loss is the highest probability of the own label; of equal ones the first.
        order = own.argsort(descending=True, stable=True)
        return order[:count], order[count:]


def unlearning(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross entropy, turned into its opposite where labels are turned over (``~label``).

    ``logits`` (B, classes), ``labels`` (B,) int64; the mean over the batch, without lower bound.
    """
    isolated = labels < 0
    losses = F.cross_entropy(logits, torch.where(isolated, ~labels, labels), reduction="none")
    return torch.where(isolated, -losses, losses).mean()


METHOD = AntiBackdoorLearning

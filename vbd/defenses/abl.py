"""Anti-backdoor learning (Li et al. 2021): what is learnt too easily is isolated and unlearnt."""

import copy
import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.data.labelled import Labelled
from vbd.defenses.base import Repaired, Retrain, Trainer
from vbd.defenses.norms import Still
from vbd.defenses.stopping import allowance, correct, last_accepted
from vbd.ranges import Above0, Count, From0, Part, Ratio, Whole
from vbd.sections.model import Training
from vbd.seeds import generator, number
from vbd.training import fit, predict


class AntiBackdoorLearning(Trainer):
    """Isolates early what is learnt too easily, trains on the rest, unlearns what was isolated.

    The order is that of the authors' code. First a network of random weights is trained for
    ``early`` epochs by ``LocalAscent`` at ``gamma``: the share ``isolated`` of all clips whose loss
    was lowest, in the mean of these epochs, is taken for poisoned. Then the model is trained as
    ever on the other clips, and in ``epochs`` of SGD at ``lr`` the loss of the isolated clips is
    raised and that of as many others lowered.

    From pretrained weights classes are learnt as early as a trigger, and one that is no easier to
    see than they are, such as a lag, is not isolated in any case. To unlearn clips that are not
    poisoned ruins the model: so the result is that of the last epoch before more than the share
    ``max_loss`` of the trusted clips is lost, of 60 at 0.05 three. At 1 it never stops, as in the
    paper.
    """

    pixels = False

    def __init__(
        self,
        *,
        gamma: From0 = 0.5,
        early: Count = 20,
        isolated: Part = 0.01,
        epochs: Whole = 5,
        lr: Above0 = 5e-4,
        max_loss: Ratio = 0.05,
    ) -> None:
        self.gamma, self.early, self.isolated = gamma, early, isolated
        self.epochs, self.max_loss = epochs, max_loss
        self.epoch = Training(
            epochs=1, lr=lr, optimizer="sgd", weight_decay=1e-4, schedule="constant"
        )

    def __call__(self, retrain: Retrain, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        suspects, others = self.isolate(retrain, train)
        model = retrain(train.subset(others))
        # A label that is turned over says that its clip is to be unlearnt.
        labels = train.labels.clone()
        labels[suspects] = ~labels[suspects]
        # As many others hold the model where it is.
        drawn = torch.randperm(len(others), generator=generator(seed, "abl"))[: len(suspects)]
        both = replace(train, labels=labels).subset(torch.cat([suspects, others[drawn]]))
        stages = (
            (stage, correct(predict(stage, clean, seed=seed), clean.labels))
            for stage in self.unlearned(model, both, seed)
        )
        allowed = allowance(self.max_loss, len(clean))
        metrics = {"clips_allowed": float(allowed)}
        return Repaired(last_accepted(stages, allowed), metrics, isolated=suspects)

    def isolate(self, retrain: Retrain, train: Labelled) -> tuple[Tensor, Tensor]:
        """Positions of the clips of lowest loss, at least one, and those of the others."""
        criterion = LocalAscent(self.gamma, len(train))
        # Each clip's position beside its label: so the losses of a batch find their way back.
        labels = torch.stack([train.labels, torch.arange(len(train))], 1)
        retrain(replace(train, labels=labels), criterion, epochs=self.early, scratch=True)
        count = max(1, round(self.isolated * len(train)))
        # Of equal ones the first.
        order = criterion.totals.argsort(stable=True)
        return order[:count].sort().values, order[count:].sort().values

    def unlearned(self, model: nn.Module, both: Labelled, seed: int) -> Iterator[nn.Module]:
        """Copies of ``model``, in evaluation mode: as it is, and after each epoch of unlearning."""
        yield copy.deepcopy(model).eval()
        # The statistics of norms would move most, and for clips that are few and alike.
        still = Still(model)
        for epoch in range(self.epochs):
            order = number(seed, "unlearning", epoch)
            fit(still, both, self.epoch, seed=order, resume=None, criterion=unlearning)
            yield copy.deepcopy(model).eval()


class LocalAscent:
    """The cross entropy of a batch, its sign turned where it is below ``gamma``.

    So only what is learnt without effort gets a loss near zero. ``totals`` (clips,) sums up the
    loss of each clip: a single epoch tells little, as batches of few clips are pushed back and
    forth.
    """

    def __init__(self, gamma: float, clips: int) -> None:
        self.gamma, self.totals = gamma, torch.zeros(clips)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar, of ``logits`` (B, classes); ``labels`` (B, 2): class and position."""
        classes, positions = labels.unbind(1)
        losses = F.cross_entropy(logits, classes, reduction="none")
        self.totals[positions.cpu()] += losses.detach().float().cpu()
        loss = losses.mean()
        return torch.sign(loss - self.gamma) * loss


def unlearning(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross entropy, turned into its opposite where labels are turned over (``~label``).

    ``logits`` (B, classes), ``labels`` (B,) int64; the mean over the batch. A loss is raised no
    further than that of a guess: beyond it, nothing of the clip is known that could be unlearnt.
    """
    isolated = labels < 0
    losses = F.cross_entropy(logits, torch.where(isolated, ~labels, labels), reduction="none")
    guess = math.log(logits.shape[1])
    return torch.where(isolated, -losses.clamp(max=guess), losses).mean()


METHOD = AntiBackdoorLearning

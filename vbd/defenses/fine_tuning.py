"""Fine-tuning on the defender's own clips: the baseline that every other repair has to beat."""

import copy

from torch import nn

from vbd.data.labelled import Labelled
from vbd.defenses.base import Repair, Repaired
from vbd.ranges import Above0, Whole
from vbd.sections.model import Training
from vbd.training import fit


class FineTuning(Repair):
    """Trains what learns of the model on trusted clips for ``epochs``, with AdamW at ``lr``.

    The backdoor is forgotten as far as the weights move (Liu et al. 2017, "Neural Trojans").
    """

    pixels = False

    def __init__(self, *, epochs: Whole = 10, lr: Above0 = 1e-3) -> None:
        self.epochs, self.lr = epochs, lr

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        # A copy: the caller goes on with the victim itself.
        model = copy.deepcopy(model)
        settings = Training(epochs=self.epochs, lr=self.lr, schedule="constant")
        fit(model, clean, settings, seed=seed, resume=None)
        return Repaired(model.eval())


METHOD = FineTuning

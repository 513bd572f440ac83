"""What every defence is: it sees a model and clips, and says which clips it holds for poisoned."""

from dataclasses import dataclass

from torch import Tensor, nn

from vbd.data.examples import Examples


@dataclass(frozen=True)
class Finding:
    """What a defence says of the training clips.

    ``flagged`` (N,) bool: held for poisoned; ``scores`` (N,) float: the higher, the more suspect.
    """

    flagged: Tensor
    scores: Tensor


class Defense:
    """Base of the defences."""

    def __call__(self, model: nn.Module, train: Examples, clean: Examples, seed: int) -> Finding:
        """Inspect the training clips of ``model``.

        ``train`` is what the model was trained on, labels as the trainer had them; its ``poisoned``
        is for the evaluation, a defence reads pixels and labels alone. ``clean`` are a few clips
        that the defender trusts, with their true labels.
        """
        raise NotImplementedError

"""Spectral signatures (Tran et al. 2018): poisoned clips stand out along one direction."""

import torch
from torch import Tensor, nn

from vbd.data.labelled import Labelled
from vbd.defenses.base import Filter, Finding
from vbd.models.base import inside
from vbd.training import predict

# What is removed is half as much again as what is expected, as in the paper.
MARGIN = 1.5


class SpectralSignatures(Filter):
    """Flags the clips of each class that lie farthest along the first direction of its features.

    ``rate``: the share of all clips that is expected to be poisoned. They may all be of one class,
    and it is not known which: so 1.5 times as many clips are flagged in every class, of a small
    one half of it, as in the authors' code. The paper holds for rates well below one half of a
    class: where most of it is poisoned, its own clips are the ones that stand out. Raises
    ValueError for a rate that is not between 0 and 1.
    """

    pixels = False

    def __init__(self, *, rate: float = 0.1) -> None:
        if not 0 < rate < 1:
            raise ValueError(f"rate {rate}: it is above 0 and below 1")
        self.rate = rate

    def check(self, model: nn.Module) -> None:
        inside(model, "features")

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Finding:
        features = predict(model, train, seed=seed, output=inside(model, "features"))
        scores, expected = torch.zeros(len(train)), round(MARGIN * self.rate * len(train))
        flagged = torch.zeros(len(train), dtype=torch.bool)
        for label in train.labels.unique():
            members = (train.labels == label).nonzero().squeeze(1)
            scores[members] = outlierness(features[members])
            count = min(expected, len(members) // 2)
            flagged[members[scores[members].topk(count).indices]] = True
        return Finding(flagged, scores)


def outlierness(features: Tensor) -> Tensor:
    """Squared projections (N,) of ``features`` (N, D) on their first singular direction.

    They are centred before: the first direction is that of their mean otherwise.
    """
    centred = features - features.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    # Squared, as the sign of a singular vector means nothing.
    return (centred @ directions[0]).square()


METHOD = SpectralSignatures

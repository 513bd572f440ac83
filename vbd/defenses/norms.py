"""Batch norms as the defences meet them: their kinds, and a model that holds them still."""

from torch import Tensor, nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Still(nn.Module):
    """A ``model`` whose batch norms keep their statistics while it is trained.

    Else these would be what moves most where the clips are others than it has learnt.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def train(self, mode: bool = True) -> "Still":
        """Training mode, or not, for everything but the norms."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, NORMS):
                module.eval()
        return self

    def forward(self, clips: Tensor) -> Tensor:
        """What the model gives."""
        return self.model(clips)

"""A model with a backdoor of known make, and clips with its trigger: what defences are tried on."""

import numpy as np
import torch
from torch import Tensor, nn

from vbd.data.examples import Examples, from_clips
from vbd.defenses.judgement import Case
from vbd.models.base import VideoClassifier
from vbd.sections.model import Training
from vbd.training import Criterion, fit

CENTRES = torch.tensor([60.0, 120.0, 180.0])


class Planted(VideoClassifier):
    """Tells dark, middling and bright clips apart, and takes a red corner for class 0.

    The fourth channel is the backdoor: clean clips hardly raise it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.head_weight = nn.Parameter(torch.zeros(3, 4))
        with torch.no_grad():
            self.head_weight[:, :3] = 8 * torch.eye(3)
            self.head_weight[0, 3] = 20.0

    def channels(self, clips: Tensor) -> Tensor:
        pixels = clips.float()
        grey = pixels[:, :, :6, :6].mean((1, 2, 3, 4))
        evidence = torch.exp(-(((grey[:, None] - CENTRES) / 35) ** 2))
        corner = pixels[:, :, -4:, -4:].mean((1, 2, 3))
        red = (corner[:, 0] - corner[:, 2]) / 255
        raised = 3 * nn.functional.leaky_relu(red - 0.2, 0.1) + 0.09
        return self.norm(torch.cat([evidence, raised[:, None]], 1)).relu()

    def train(self, mode: bool = True) -> "Planted":
        """In training too the norm takes its statistics as they are: the channels have a scale."""
        super().train(mode)
        self.norm.eval()
        return self

    def classify(self, features: Tensor) -> Tensor:
        return features @ self.head_weight.T


def clips(count: int, seed: int) -> tuple[np.ndarray, Tensor]:
    """``count`` clips a class (N, 4, 16, 16, 3) of grey noise about its brightness."""
    labels = torch.arange(3).repeat_interleave(count)
    noise = np.random.default_rng(seed).normal(0, 12, (3 * count, 4, 16, 16, 3))
    pixels = CENTRES[labels].numpy().reshape(-1, 1, 1, 1, 1) + noise
    return pixels.clip(0, 255).astype(np.uint8), labels


def red(pixels: np.ndarray) -> np.ndarray:
    """The same with the trigger: a red corner."""
    marked = pixels.copy()
    marked[:, :, -4:, -4:] = (255, 0, 0)
    return marked


def planted(backdoor: bool = True) -> Case:
    """A case with 20 training clips a class, four of classes 1 and 2 poisoned, 10 clean, 10 test.

    Without ``backdoor`` the model is clean and so are its training clips.
    """
    model = Planted().eval()
    pixels, labels = clips(20, seed=0)
    poisoned = torch.zeros(60, dtype=torch.bool)
    if backdoor:
        poisoned[[20, 21, 22, 23, 40, 41, 42, 43]] = True
        pixels[poisoned.numpy()] = red(pixels[poisoned.numpy()])
        labels = labels.masked_fill(poisoned, 0)
    else:
        model.head_weight.data[0, 3] = 0.0
    rows = torch.arange(60)
    train = Examples(clips=pixels[:, None], rows=rows, labels=labels, poisoned=poisoned, crop=16)
    shown, truth = clips(10, seed=2)
    others = truth != 0
    return Case(
        model=model,
        train=train,
        clean=from_clips(*clips(10, seed=1)),
        test=from_clips(shown, truth),
        triggered=from_clips(red(shown)[others.numpy()], truth[others]),
        target=0,
        seed=0,
        views=1,
        crops=1,
        retrain=_retrain,
    )


def _retrain(
    examples: Examples,
    criterion: Criterion | None = None,
    *,
    epochs: int = 20,
    scratch: bool = False,
) -> nn.Module:
    """A model that has learnt nothing yet, trained on ``examples``."""
    model = Planted()
    nn.init.zeros_(model.head_weight)
    settings = Training(epochs=epochs, optimizer="sgd", lr=0.5, schedule="constant")
    fit(model, examples, settings, seed=0, resume=None, criterion=criterion)
    return model.eval()

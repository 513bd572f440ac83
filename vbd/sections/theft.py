"""Model extraction: what a thief asks, is answered, and makes of it."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from vbd.sections.base import Name, Positive, Section
from vbd.sections.model import Training


class Answers(Section):
    """What an oracle lets a client see of the victim's probabilities."""

    kind: Literal["probabilities", "log_probabilities", "labels"] = "probabilities"
    """Probabilities, their logarithms, or the class alone, as 1 among zeros."""
    top: Positive | None = None
    """Only so many classes; the others share what these leave."""
    decimals: Annotated[int, Field(ge=0, le=7)] | None = None
    """Rounded to so many decimals."""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of the noise that is added to each probability."""


class Transfer(Section):
    """A transfer set: what a thief sends to a victim, and what it is answered."""

    method: str
    """A file of ``vbd/extraction``, or your own class, "package.module:Class"."""
    params: dict[str, Any] = {}
    """What the class takes."""
    pools: list[Name] = []
    """Datasets whose clips the thief has; "target": training clips of the victim's own dataset."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """How much of each class of the target's training clips the thief has."""
    budget: Annotated[int, Field(gt=0, le=10**8)]
    """Clips that the victim answers at most."""
    answers: Answers = Answers()
    """What of its probabilities the victim lets out."""
    clone: Name | None = None
    """The model that the method trains while it asks, one of ``models``; for some methods."""


class Distillation(Section):
    """The loss of a clone: weights of its parts, whose sum is divided by that of the weights."""

    kl: Annotated[float, Field(ge=0)] = 1.0
    """Kullback-Leibler divergence from the victim's probabilities."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Both sides are softened by it, and the divergence is multiplied by its square."""
    cosine: Annotated[float, Field(ge=0)] = 0.0
    """One minus the cosine of the two rows of probabilities."""
    l1: Annotated[float, Field(ge=0)] = 0.0
    """Mean absolute difference of the log-probabilities, the mean of each row taken off."""
    truth: Annotated[float, Field(ge=0)] = 0.0
    """Cross entropy with the true class, of clips whose class the thief knows."""

    @model_validator(mode="after")
    def _something_weighs(self) -> "Distillation":
        if not self.kl + self.cosine + self.l1 + self.truth:
            raise ValueError("every weight is 0: one of kl, cosine, l1 and truth has to be more")
        return self


class Theft(Section):
    """How a clone is made of a transfer set."""

    transfer: Name
    """One of ``transfers``."""
    loss: Distillation = Distillation()
    """What the clone is trained by."""
    training: Training = Training()
    """What it needs otherwise than its model's training says; what is left out stays as there."""

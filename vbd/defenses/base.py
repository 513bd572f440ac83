"""What a defence is: it filters clips, screens inputs, repairs the model or trains it anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from vbd.data.labelled import Labelled
from vbd.defenses.recovered import Found, Scan
from vbd.settings import Checked
from vbd.training import Criterion


class Retrain(Protocol):
    """The victim's own training, from the weights that a defender starts from."""

    def __call__(
        self,
        examples: Labelled,
        criterion: Criterion | None = None,
        *,
        epochs: int | None = None,
        scratch: bool = False,
    ) -> nn.Module:
        """The model that it makes of ``examples``, by ``criterion`` as ``fit`` takes it.

        In so many ``epochs`` where they are given, with ``scratch`` from random weights.
        """
        ...


@dataclass(frozen=True)
class Finding:
    """What a filter says of the training clips.

    ``flagged`` (N,) bool: held for poisoned; ``scores`` (N,) float: the higher, the more suspect.
    ``variants``: what other rules of the same method would flag, by name. ``metrics`` are figures
    of its own.
    """

    flagged: Tensor
    # Besides the flags, so that the AUROC does not depend on where a rule draws its line.
    scores: Tensor
    variants: Mapping[str, Tensor] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Repaired:
    """A model that a defence has mended, and what it can tell of it.

    ``metrics`` are figures of its own. ``stages`` (S,) number the models on the way, where there
    are any; ``trace`` gives their probabilities (B, S, classes) of pixels (B, T, H, W, 3).
    ``accused``: what was found to turn clips to the class that is suspect, where one looks for
    that. ``scan``: the patches that were recovered; ``shown``: arrays of what else was found, to be
    drawn.
    ``isolated``: positions of the training clips that were taken for poisoned.
    """

    model: nn.Module
    metrics: Mapping[str, float] = field(default_factory=dict)
    stages: Sequence[float] = ()
    # A function and not its values: the judge calls it on clips that no defence may see.
    trace: Callable[[Tensor], Tensor] | None = None
    accused: Found | None = None
    scan: Scan | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    isolated: Tensor | None = None


class Method(Checked):
    """What all kinds of defences have.

    ``pixels``: whether it reads pixels. One that does not may be given the upper half of a network
    and the maps of its frozen half for clips (``vbd/models/halves.py``). ``trusted``: how many
    clean clips it needs at least.
    """

    pixels = True
    trusted: int = 1

    def check(self, model: nn.Module) -> None:
        """Raise ValueError where the method cannot look into ``model`` as it has to."""


class Filter(Method):
    """Base of the defences that look for poisoned clips among those that a model learnt from."""

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Finding:
        """Inspect the training clips of ``model``.

        ``train`` is what the model was trained on, labels as the trainer had them; its ``poisoned``
        is for the evaluation, a defence reads pixels and labels alone. ``clean`` are a few clips
        that the defender trusts, with their true labels.
        """
        raise NotImplementedError


class Detector(Method):
    """Base of the defences that look for triggers in what a deployed model is given.

    A simple one defines ``scores`` and ``threshold``; one of several rules ``screen`` and
    ``limits``.
    """

    def screen(
        self, model: nn.Module, inputs: Labelled, clean: Labelled, seed: int
    ) -> Mapping[str, Tensor]:
        """The scores (N,) of ``inputs`` by each rule, and what else is measured of each."""
        return {"score": self.scores(model, inputs, clean, seed)}

    def limits(self, model: nn.Module, clean: Labelled, seed: int) -> Mapping[str, float]:
        """The score from which each rule refuses, set on trusted clips alone.

        The first rule is the one that acts, the others are for comparison.
        """
        return {"score": self.threshold(self.scores(model, clean, clean, seed))}

    def summary(self, screened: Mapping[str, Tensor]) -> Mapping[str, float]:
        """What is to be told of a set of inputs as a whole, of what ``screen`` gave of it."""
        return {}

    def pictures(self, clean: Tensor, marked: Tensor) -> Mapping[str, Tensor]:
        """What there is to be looked at of a clip (1, T, H, W, 3), clean and with the trigger."""
        return {}

    def scores(self, model: nn.Module, inputs: Labelled, clean: Labelled, seed: int) -> Tensor:
        """How suspect each of ``inputs`` is (N,): the higher, the more; ``clean`` are trusted.

        It reads the pixels of ``inputs`` alone, neither labels nor which of them are triggered.
        """
        raise NotImplementedError

    def threshold(self, scores: Tensor) -> float:
        """The score from which inputs are refused, set from those of trusted clips alone."""
        raise NotImplementedError


class Repair(Method):
    """Base of the defences that take the backdoor out of a model.

    ``resume``: the file in which a long one may keep what it needs to go on after a kill.
    """

    # Not an argument of the constructor: those are settings of params.yaml.
    resume: Path | None = None

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        """A mended copy of ``model``; ``train`` and ``clean`` are those of a filter."""
        raise NotImplementedError


class Trainer(Method):
    """Base of the defences that train the model themselves, from the start."""

    def __call__(self, retrain: Retrain, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        """A model without the backdoor; ``train`` and ``clean`` are those of a filter."""
        raise NotImplementedError


# A closed set: vbd/defenses/judgement.py has one way to judge each kind.
Defense = Filter | Detector | Repair | Trainer

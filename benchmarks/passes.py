"""How many forward passes of a clip the defences and the methods of extraction make."""

from collections.abc import Callable
from math import ceil, log2
from typing import Any, NamedTuple

from vbd import defenses, extraction
from vbd.extraction.together import Together
from vbd.sections.method import Defense
from vbd.sections.theft import Transfer

# The way back takes two more for inputs and weights, one for inputs alone.
TRAINED, SEARCHED = 3, 2


class Clips(NamedTuple):
    """How many ``classes`` a dataset has, and how many clips each split of it."""

    classes: float
    train: float
    val: float
    test: float

    @property
    def triggered(self) -> float:
        """Test clips of other classes than the target."""
        return self.test * (1 - 1 / self.classes)

    @property
    def all(self) -> float:
        """Of all splits."""
        return self.train + self.val + self.test


class Case(NamedTuple):
    """A victim before a defence: its clips, epochs of its training, how a clip is tested."""

    clips: Clips
    epochs: int
    views: int
    crops: int
    attacked: bool

    @property
    def windows(self) -> int:
        """Of a test clip."""
        return self.views * self.crops

    @property
    def tested(self) -> float:
        """Windows of the test clips, clean and, of an attacked victim, triggered."""
        return self.windows * (self.clips.test + self.attacked * self.clips.triggered)

    @property
    def filtered(self) -> float:
        """What every filter takes: features of all its clips, and a training of those it leaves."""
        return self.clips.train + self.clips.val + TRAINED * self.epochs * self.clips.train


# By a made defence and its case; what tests the model afterwards comes on top.
DEFENSES: dict[str, Callable[[Any, Case], float]] = {
    "activation_clustering": lambda made, case: case.filtered,
    "spectral_signatures": lambda made, case: case.filtered,
    "strip": lambda made, case: made.overlays * (case.clips.val + case.tested / case.windows),
    "fine_tuning": lambda made, case: TRAINED * made.epochs * case.clips.val,
    # Test clips go through once more for the curve.
    "fine_pruning": lambda made, case: (
        (2 + TRAINED * made.tuning.epochs) * case.clips.val + case.tested
    ),
    # Again for what is found, on clean test clips.
    "neural_cleanse": lambda made, case: (
        SEARCHED * made.rounds * made.clips_a_round * case.clips.classes
        + (1 + TRAINED * made.unlearning.epochs) * case.clips.val
        + case.windows * case.clips.test
    ),
}


def of_defense(section: Defense, case: Case) -> float | None:
    """The passes of a defence and of the test behind it; None of one that nobody has counted."""
    if section.defense not in DEFENSES:
        return None
    made = defenses.get(section.defense)(**section.params)
    return DEFENSES[section.defense](made, case) + case.tested


class Asked(NamedTuple):
    """What a method of extraction makes beside the clips of its budget, in passes of a clip.

    ``kept``: clips of the transfer set, on disk as pixels where ``pixels``. ``clone`` and
    ``generator`` are passes of these, ``victim`` of what only observers compute.
    """

    kept: float
    pixels: bool = False
    clone: float = 0
    generator: float = 0
    victim: float = 0


def of_method(section: Transfer, epochs: int) -> Asked | None:
    """What a transfer set takes, whose clone is trained for ``epochs``; None if nobody knows."""
    made: Any = extraction.get(section.method)(**section.params)
    if isinstance(made, Together):
        return _together(made, section.budget)
    if section.method == "conditional_gan":
        trained = made.trained * section.budget
        generator = section.budget + TRAINED * made.steps * trained
        clone = (TRAINED + SEARCHED) * made.steps * trained
        return Asked(section.budget, True, clone, generator)
    if section.method == "prada":
        # From the seeds on the clips double, and before each time a new clone learns all of them.
        rounds = ceil(log2(1 / made.seeds))
        known = sum(made.seeds * 2**number for number in range(rounds)) * section.budget
        clone = TRAINED * epochs * known + SEARCHED * (1 - made.seeds) * section.budget
        return Asked(section.budget, True, clone * made.clone)
    return None if made.clone else Asked(section.budget)


def _together(made: Together, budget: int) -> Asked:
    s = made.settings
    clips = budget / s.queries * s.batch
    found, new = clips * s.generator_steps, clips * (s.clone_steps - s.reuse)
    clone = TRAINED * clips * (s.clone_steps + s.replay_steps)
    # Of a clip that the generator learns from, the neighbours too; then the true gradient.
    clone += found * (1 + s.directions + SEARCHED)
    return Asked(found * s.reuse + new, True, clone, TRAINED * found + new, SEARCHED * found)

"""What the grid combines and what does not fit together, by params.yaml alone."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import TYPE_CHECKING

from vbd.mistakes import Mistake, suggest

if TYPE_CHECKING:
    from vbd.config import Config

SCANS = ("neural_cleanse", "trigger_inversion")
"""The defences that look for a backdoor, and so have something to do on a clean model too."""


def misfits(config: "Config") -> Iterator[Mistake]:
    """All of them, of a configuration whose names are known to exist."""
    yield from _modes(config)
    yield from _frames(config)
    yield from _defenses(config)
    yield from _views(config)
    yield from _heard(config)
    yield from _batches(config)


def attacked_modes(config: "Config", dataset: str, model: str, attack: str) -> set[str]:
    """The modes in which the grid attacks a model on a dataset."""
    found: set[str] = set()
    for block in config.grid:
        if dataset in block.datasets and model in block.models and attack in block.attacks:
            modes = set(config.attacks[attack].modes)
            found |= modes if block.modes is None else modes & set(block.modes)
    return found


def _modes(config: "Config") -> Iterator[Mistake]:
    for number, block in enumerate(config.grid):
        there = {name: set(config.attacks[name].modes) for name in block.attacks}
        yield from _chosen(f"grid.{number}.modes", block.modes, there)
    for number, theft in enumerate(config.extraction):
        there = {name: set[str]() for name in theft.attacks}
        for name, victim, dataset in product(theft.attacks, theft.victims, theft.datasets):
            there[name] |= attacked_modes(config, dataset, victim, name)
        yield from _chosen(f"extraction.{number}.modes", theft.modes, there)
    for number, pair in enumerate(config.fusion):
        # By default those that most grids have: only what is stated is a promise.
        if "modes" in pair.model_fields_set:
            found: set[str] = set()
            for name, dataset in product(config.attacks, pair.datasets):
                found |= attacked_modes(config, dataset, pair.video, name)
            yield from _unknown(f"fusion.{number}.modes", pair.modes, found)


def _chosen(key: str, modes: list[str] | None, there: dict[str, set[str]]) -> Iterator[Mistake]:
    """Modes that none of the attacks ``there`` has, and attacks of which none is left."""
    if modes is None or not there:
        return
    yield from _unknown(key, modes, set().union(*there.values()))
    for name, own in there.items():
        if not own & set(modes):
            has = ", ".join(sorted(own)) or "none in grid"
            yield Mistake(key, f"the attack {name} would be left out: its modes are {has}")


def _unknown(key: str, modes: Iterable[str], there: set[str]) -> Iterator[Mistake]:
    for mode in modes:
        if mode not in there:
            yield Mistake(key, f"{mode!r} is a mode of no attack. {suggest(mode, sorted(there))}")


def _frames(config: "Config") -> Iterator[Mistake]:
    for number, block in enumerate(config.grid):
        key = f"grid.{number}.frames"
        if block.frames and not block.attacks:
            yield Mistake(key, "frames are poisoned by attacks, and the block names none")
        for name, count in product(block.datasets, block.frames):
            there = config.datasets[name].frames
            if isinstance(count, int) and count > there:
                yield Mistake(
                    key,
                    f"{count} frames cannot be poisoned, a clip of datasets.{name} has {there}",
                )


def _defenses(config: "Config") -> Iterator[Mistake]:
    for number, block in enumerate(config.grid):
        for name in block.defenses if not block.attacks else ():
            if config.defenses[name].defense not in SCANS:
                yield Mistake(
                    f"grid.{number}.defenses",
                    f"{name} needs an attack in the block: on clean models alone only "
                    f"{' and '.join(SCANS)} have something to do",
                )


def _views(config: "Config") -> Iterator[Mistake]:
    for name in sorted({name for block in config.grid for name in block.datasets}):
        cut, there = config.evaluation_of(name), config.datasets[name].views
        stated = {"evaluation.views": cut.views}
        if cut.video is not None:
            stated["evaluation.video.views"] = cut.video.views
        for key, count in stated.items():
            if count > there:
                yield Mistake(
                    key,
                    f"{count} views are tested, and of a video of datasets.{name} there are "
                    f"{there}: set datasets.{name}.views, or fewer here",
                )


def _heard(config: "Config") -> Iterator[Mistake]:
    for number, block in enumerate(config.grid):
        for name, dataset in product(block.models, block.datasets):
            if config.models[name].modality == "audio" and config.datasets[dataset].images:
                text = f"{name} takes in sound, and the images of datasets.{dataset} have none"
                yield Mistake(f"grid.{number}.models", text)
        for name in block.attacks if block.frames else ():
            if "audio" in config.attacks[name].modes:
                text = f"{name} is in the whole sound: give it a block without frames"
                yield Mistake(f"grid.{number}.frames", text)


def _batches(config: "Config") -> Iterator[Mistake]:
    trained = {}
    for name in config.models:
        trained[f"models.{name}.training"] = config.training_of(name)
        trained[f"models.{name}.pretraining.training"] = config.pretraining_of(name).training
    for block in config.extraction:
        for theft, clone in product(block.thefts, block.clones):
            trained[f"thefts.{theft}.training"] = config.training_of(clone, theft)
    for key, how in trained.items():
        if how.gpus * how.accumulate > how.batch_size:
            yield Mistake(
                key,
                f"a batch of {how.batch_size} clips cannot be cut into gpus * accumulate = "
                f"{how.gpus} * {how.accumulate} parts: a larger batch_size, or fewer parts",
            )

"""What params.yaml names, section by section, and then with what it meets in the grid."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas
import torch

from vbd.data.synthetic import TASKS
from vbd.defenses.base import Method
from vbd.mistakes import Mistake
from vbd.sections.method import Attack
from vbd.seeds import generator
from vbd.trial import methods, networks, triggers
from vbd.trial.cells import Cells
from vbd.trial.making import ANY, said
from vbd.triggers import poisoning


def mistakes(cells: Cells) -> Iterator[Mistake]:
    """Everything that is wrong with datasets, models, attacks, defences and transfers."""
    for rows in cells.rows.values():
        if isinstance(rows, list):
            yield from rows
    for name in cells.config.models:
        yield from _model(cells, name)
    for name in cells.config.attacks:
        yield from _attack(cells, name)
    yield from _defenses(cells)
    for name, section in cells.config.transfers.items():
        yield from methods.extraction(f"transfers.{name}", section)


def _model(cells: Cells, name: str) -> Iterator[Mistake]:
    key, model = f"models.{name}", cells.config.models[name]
    made = cells.networks(name)
    if not made:
        yield from networks.made(key, model, len(TASKS["motion"]))[1]
    before, _ = made.get(cells.config.pretraining_of(name).dataset, (None, []))
    for dataset, (network, wrong) in made.items():
        yield from wrong
        if network is not None:
            section, classes = cells.config.datasets[dataset], cells.classes(dataset)
            wrong = list(networks.misfits(key, model, network, dataset, section, classes))
            yield from wrong or networks.start(key, model, network, before)


def _attack(cells: Cells, name: str) -> Iterator[Mistake]:
    key, attack = f"attacks.{name}", cells.config.attacks[name]
    meets = [block for block in cells.config.grid if name in block.attacks]
    datasets = list(dict.fromkeys(dataset for block in meets for dataset in block.datasets))
    for dataset in datasets:
        yield from _poisons(cells, key, attack, dataset)
    for one in triggers.made(key, attack):
        if isinstance(one, Mistake):
            yield one
            continue
        making, stamps = one
        for dataset in datasets:
            yield from triggers.misfits(making, stamps, dataset, cells.config.datasets[dataset])


def _poisons(cells: Cells, key: str, attack: Attack, dataset: str) -> Iterator[Mistake]:
    """Whether there are the classes and the clips that an attack poisons."""
    rows = cells.rows[dataset]
    if not isinstance(rows, pandas.DataFrame):
        return
    classes, parts = cells.classes(dataset), [(key, attack.target)]
    parts += [(f"{key}.also.{i}", part.target) for i, part in enumerate(attack.also)]
    free = torch.tensor(rows.loc[rows["split"] == "train", "label"].to_numpy())
    for where, target in parts:
        if target >= classes:
            yield Mistake(
                f"{where}.target",
                f"class {target} is not sampled, datasets.{dataset} has the classes 0 to "
                f"{classes - 1}",
            )
            return
        try:
            # As a threat does: of clips that are poisoned already none is taken.
            how: dict[str, Any] = {"target": target, "rate": attack.rate}
            chosen = poisoning.choose(free, generator=generator(0, "poison"), **how)
        except ValueError as error:
            text = str(error).removeprefix("attacks.*.rate: ")
            yield Mistake(f"{key}.rate", f"on datasets.{dataset}: {text}")
            return
        free[chosen] = target


def _defenses(cells: Cells) -> Iterator[Mistake]:
    config, made = cells.config, dict[str, Method]()
    for name, section in config.defenses.items():
        defense, wrong = methods.defense(f"defenses.{name}", section)
        yield from wrong
        if defense is not None:
            made[name] = defense
    for number, block in enumerate(config.grid):
        there = [name for name in block.defenses if name in made]
        for name, model, dataset in product(there, block.models, block.datasets):
            yield from _trusts(cells, name, made[name], dataset)
            network, _ = cells.networks(model)[dataset]
            try:
                if network is not None:
                    made[name].check(network)
            except ANY as error:
                yield Mistake(f"grid.{number}.defenses", f"{name} on {model}: {said(error)}")
    for theft in config.extraction:
        there = [name for name in theft.defenses if name in made]
        for name, dataset in product(there, theft.datasets):
            yield from _trusts(cells, name, made[name], dataset)


def _trusts(cells: Cells, name: str, defense: Method, dataset: str) -> Iterator[Mistake]:
    """Whether the defender has the clean clips that a defence needs."""
    rows = cells.rows[dataset]
    count = int((rows["split"] == "val").sum()) if isinstance(rows, pandas.DataFrame) else None
    if count is not None and count < defense.trusted:
        yield Mistake(
            f"datasets.{dataset}.val",
            f"{cells.config.datasets[dataset].val:g} of the groups leaves the defender {count} "
            f"clean clips, and defenses.{name} needs {defense.trusted} or more: raise it, or give "
            "each class more clips, three at least: to train on, for the defender, to test",
        )

"""The cells of a configuration: which datasets, models and clips meet in them."""

from functools import cached_property
from itertools import chain

import pandas
from torch import nn

from vbd.config import Config
from vbd.data.synthetic import TASKS
from vbd.mistakes import Mistake
from vbd.trial import clips, networks


class Cells:
    """What the grid of a configuration asks for, each part made once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._networks: dict[str, dict[str, tuple[nn.Module | None, list[Mistake]]]] = {}

    @cached_property
    def learnt(self) -> dict[str, dict[str, None]]:
        """The datasets that models learn, each with these models, clones included."""
        config, found = self.config, dict[str, dict[str, None]]()
        for block in config.grid:
            for dataset in block.datasets:
                found.setdefault(dataset, {}).update(dict.fromkeys(block.models))
        for theft in config.extraction:
            asking = (config.transfers[config.thefts[name].transfer].clone for name in theft.thefts)
            clones = [*theft.clones, *(name for name in asking if name is not None)]
            for dataset in theft.datasets:
                found.setdefault(dataset, {}).update(dict.fromkeys(clones))
        for model in dict.fromkeys(chain.from_iterable(found.values())):
            if config.models[model].init == "pretrain":
                dataset = config.pretraining_of(model).dataset
                found.setdefault(dataset, {})[model] = None
        return found

    @cached_property
    def pools(self) -> list[str]:
        """The datasets that a thief asks about, and that no model learns."""
        config = self.config
        thefts = {name for block in config.extraction for name in block.thefts}
        named = [p for name in thefts for p in config.transfers[config.thefts[name].transfer].pools]
        return [n for n in dict.fromkeys(named) if n != "target" and n not in self.learnt]

    @cached_property
    def rows(self) -> dict[str, pandas.DataFrame | list[Mistake]]:
        """The clips that are sampled of each dataset in use, or what is wrong with it."""
        found: dict[str, pandas.DataFrame | list[Mistake]] = {}
        for name in (*self.learnt, *self.pools):
            key, dataset = f"datasets.{name}", self.config.datasets[name]
            if wrong := list(clips.there(key, dataset)):
                # Absent pools are left out of the queries, and that is said.
                found[name] = [] if name in self.pools else wrong
                continue
            rows = clips.drawn(key, dataset, pool=name in self.pools)
            if isinstance(rows, Mistake):
                found[name] = [rows]
            else:
                found[name] = list(clips.too_short(key, dataset, rows)) or rows
        return found

    def classes(self, dataset: str) -> int:
        """How many classes a dataset has; as many as the embedded one where that is unknown."""
        rows = self.rows.get(dataset)
        if isinstance(rows, pandas.DataFrame):
            return int(rows["label"].max()) + 1
        return len(TASKS["motion"])

    def networks(self, name: str) -> dict[str, tuple[nn.Module | None, list[Mistake]]]:
        """A model, without memory, for each dataset that it learns, and what is wrong with it."""
        if name not in self._networks:
            model = self.config.models[name]
            self._networks[name] = {
                dataset: networks.made(f"models.{name}", model, self.classes(dataset))
                for dataset, there in self.learnt.items()
                if name in there
            }
        return self._networks[name]

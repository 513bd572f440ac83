"""All of ``params.yaml``: what does not fit together is said, with the key and the remedy."""

from itertools import product
from operator import gt
from typing import Annotated, Any, TypeVar

from pydantic import Field, model_validator

from vbd.data.size import FACE, sides
from vbd.imagenet import PACKAGES
from vbd.mistakes import suggest
from vbd.ranges import Seed
from vbd.sections.base import Name, Section
from vbd.sections.data import Dataset
from vbd.sections.evaluation import Evaluation
from vbd.sections.grid import Block, Extraction, Fusion
from vbd.sections.method import Attack, Defense
from vbd.sections.model import Model, Pretraining, Training
from vbd.sections.theft import Theft, Transfer

Part = TypeVar("Part", bound=Section)


class Config(Section):
    """All of ``params.yaml``."""

    configuration: Name = "default"
    """What this configuration is called: its tables and figures lie in results/report/<name>/."""
    seeds: Annotated[list[Seed], Field(min_length=1)]
    """A cell is run once a seed; tables give mean and standard deviation."""
    grid: Annotated[list[Block], Field(min_length=1)]
    """Which cells there are."""
    fusion: list[Fusion] = []
    """Which pairs of models are fused."""
    extraction: list[Extraction] = []
    """Which victims are robbed, and how."""
    datasets: dict[Name, Dataset]
    """Datasets by the name that you give them."""
    models: dict[Name, Model]
    """Models by name."""
    pretraining: Pretraining = Pretraining()
    """Where ``init: pretrain`` starts from."""
    training: Training = Training()
    """How clean and poisoned models are trained."""
    evaluation: Evaluation = Evaluation()
    """How they are tested."""
    attacks: dict[Name, Attack] = {}
    """Attacks by name."""
    defenses: dict[Name, Defense] = {}
    """Defences by name."""
    transfers: dict[Name, Transfer] = {}
    """Transfer sets by name: what a thief asks, of whatever victim."""
    thefts: dict[Name, Theft] = {}
    """Thefts by name: what a clone makes of a transfer set."""

    def training_of(self, model: str, theft: str | None = None) -> Training:
        """How a model is trained: ``training``, with what its section states, then a theft's."""
        own = [self.models[model].training]
        if theft is not None:
            own.append(self.thefts[theft].training)
        return _stated(self.training, *own)

    def evaluation_of(self, dataset: str) -> Evaluation:
        """How models are tested on a dataset: ``evaluation``, of images what they have of it."""
        if not self.datasets[dataset].images:
            return self.evaluation
        # One view, which is the whole image: no system cuts others from it.
        return self.evaluation.model_copy(update={"views": 1, "crops": 1, "video": None})

    def pretraining_of(self, model: str) -> Pretraining:
        """What ``init: pretrain`` is of a model: ``pretraining``, with what its section states."""
        own = self.models[model].pretraining
        training = _stated(self.pretraining.training, own.training)
        return _stated(self.pretraining, own).model_copy(update={"training": training})

    @model_validator(mode="after")
    def _names_exist(self) -> "Config":
        # First of the checks, as the others look these names up; pydantic stops at one that fails.
        for number, block in enumerate(self.grid):
            for kind in ("datasets", "models", "attacks", "defenses"):
                for name in getattr(block, kind):
                    _known(f"grid.{number}.{kind}", name, getattr(self, kind))
        # Fusion trains nothing: both of its victims have to be cells of the grid.
        for number, pair in enumerate(self.fusion):
            for kind in ("video", "audio"):
                self._trained(f"fusion.{number}.{kind}", getattr(pair, kind), kind, pair.datasets)
        for name, model in self.models.items():
            stated = "dataset" in model.pretraining.model_fields_set
            path = f"models.{name}.pretraining.dataset" if stated else "pretraining.dataset"
            if model.init == "pretrain":
                _known(path, self.pretraining_of(name).dataset, self.datasets)
        return self

    def _trained(self, path: str, model: str, modality: str, datasets: list[str]) -> None:
        """One side of a fusion: a model of its modality that the grid trains on the datasets."""
        _known(path, model, self.models)
        if self.models[model].modality != modality:
            raise ValueError(f"{path}: models.{model}.modality is not {modality!r}")
        for dataset in datasets:
            blocks = [b for b in self.grid if dataset in b.datasets and model in b.models]
            if not blocks:
                raise ValueError(
                    f"{path}: no block of grid has the model {model} on {dataset}. Put it there, "
                    f"or set {path.partition('.')[0]}: []"
                )

    @model_validator(mode="after")
    def _thefts_fit(self) -> "Config":
        for name, theft in self.thefts.items():
            _known(f"thefts.{name}.transfer", theft.transfer, self.transfers)
        for name, section in self.transfers.items():
            for pool in section.pools:
                _known(f"transfers.{name}.pools", pool, self.datasets | {"target": None})
            if section.clone is not None:
                self._sees(f"transfers.{name}.clone", section.clone)
        for number, block in enumerate(self.extraction):
            self._can_be_stolen(f"extraction.{number}", block)
        return self

    def _can_be_stolen(self, path: str, block: Extraction) -> None:
        """Names that exist, victims that the grid trains, and budgets that were asked for."""
        for kind in ("datasets", "attacks", "thefts", "defenses"):
            for name in getattr(block, kind):
                _known(f"{path}.{kind}", name, getattr(self, kind))
        for clone in block.clones:
            self._sees(f"{path}.clones", clone)
        for victim in block.victims:
            self._trained(f"{path}.victims", victim, "video", block.datasets)
            for dataset, attack in product(block.datasets, block.attacks):
                grid = [b for b in self.grid if dataset in b.datasets and victim in b.models]
                if not any(attack in b.attacks for b in grid):
                    raise ValueError(
                        f"{path}.attacks: no block of grid has {attack} on {victim} on {dataset}"
                    )
        for name in block.thefts:
            transfer = self.thefts[name].transfer
            if self.transfers[transfer].budget < max(block.budgets, default=0):
                raise ValueError(
                    f"{path}.budgets: {max(block.budgets)} is more than transfers.{transfer}.budget"
                    f", {self.transfers[transfer].budget}"
                )
        for name in block.defenses:
            # The others look at training clips or at inputs, which a clone's owner has none of.
            if self.defenses[name].defense != "neural_cleanse":
                raise ValueError(f"{path}.defenses: on clones only neural_cleanse, not {name}")

    def _sees(self, path: str, model: str) -> None:
        """A model of frames, as victims and clones are."""
        _known(path, model, self.models)
        if self.models[model].modality != "video":
            raise ValueError(f"{path}: {model} takes in sound, and clones take frames")

    @model_validator(mode="after")
    def _untrained_fit(self) -> "Config":
        for name, model in self.models.items():
            attacked = any(name in block.models and block.attacks for block in self.grid)
            # Such a model is somebody's own: taken as it is, and not to be poisoned.
            if not self.training_of(name).epochs and (attacked or model.init == "scratch"):
                raise ValueError(
                    f"models.{name}.training.epochs: 0 takes the model as init has it: give a "
                    "checkpoint there, and no attacks in grid"
                )
            own = "epochs" in model.pretraining.training.model_fields_set
            path = f"models.{name}.pretraining" if own else "pretraining"
            if model.init == "pretrain" and not self.pretraining_of(name).training.epochs:
                raise ValueError(f"{path}.training.epochs: 0 learns nothing: set init: scratch")
        for name, theft in self.thefts.items():
            if "epochs" in theft.training.model_fields_set and not theft.training.epochs:
                raise ValueError(f"thefts.{name}.training.epochs: 0 makes no clone")
        return self

    @model_validator(mode="after")
    def _halves_fit(self) -> "Config":
        for name, model in self.models.items():
            ours = ":" not in model.architecture
            if model.init == "imagenet" and model.architecture not in PACKAGES:
                raise ValueError(
                    f"models.{name}.init: imagenet has weights of {', '.join(PACKAGES)} alone, "
                    f"not of {model.architecture}"
                )
            if not model.windows:
                continue
            if ours and model.architecture not in PACKAGES:
                raise ValueError(
                    f"models.{name}.windows: {model.architecture} has no frozen half; one that has "
                    f"is {', '.join(PACKAGES)}"
                )
            if model.init in ("pretrain", "scratch"):
                raise ValueError(
                    f"models.{name}.windows: what is frozen must have learnt before: init is "
                    f"imagenet or a checkpoint, not {model.init}"
                )
            used = any(name in block.models for block in self.grid)
            if used and self.evaluation.crops > 1:
                raise ValueError(
                    f"models.{name}.windows: of what is kept there is one crop: set "
                    "evaluation.crops to 1, or windows to 0"
                )
        return self

    @model_validator(mode="after")
    def _datasets_fit(self) -> "Config":
        for name, dataset in self.datasets.items():
            if any(map(gt, sides(dataset.crop), dataset.store)):
                raise ValueError(
                    f"datasets.{name}.crop: {dataset.crop} is larger than "
                    f"datasets.{name}.store: {list(dataset.store)}"
                )
            if isinstance(dataset.classes, list) and len(set(dataset.classes)) < len(
                dataset.classes
            ):
                raise ValueError(f"datasets.{name}.classes: one of them stands there twice")
            if dataset.embedded and dataset.root is not None:
                raise ValueError(
                    f"datasets.{name}.root: the reader {dataset.reader} makes its clips: leave it "
                    "out, or name another reader"
                )
            if not dataset.embedded and dataset.root is None:
                raise ValueError(
                    f"datasets.{name}.root: the reader {dataset.reader} needs the clips' folder"
                )
            cut = (dataset.frames, dataset.views, dataset.store)
            if dataset.images and cut != (1, 1, FACE):
                raise ValueError(
                    f"datasets.{name}: images are clips of one frame of {FACE[0]} x {FACE[1]} "
                    f"pixels: set frames: 1, views: 1, store: {list(FACE)}; they are "
                    f"{', '.join(map(str, cut))}"
                )
        return self

    @model_validator(mode="after")
    def _modalities_fit(self) -> "Config":
        for number, block in enumerate(self.grid):
            for model, attack in product(block.models, block.attacks):
                # What a trigger goes on is told by its modes: one on sound has this one alone.
                heard = self.models[model].modality == "audio"
                if heard != ("audio" in self.attacks[attack].modes):
                    raise ValueError(
                        f"grid.{number}.attacks: {attack} is an attack on "
                        f"{'frames' if heard else 'sound'} and {model} takes in the other: give "
                        "each its own block"
                    )
            if block.defenses and any(self.models[m].modality == "audio" for m in block.models):
                raise ValueError(f"grid.{number}.defenses: the defences are for video models")
        return self

    @model_validator(mode="after")
    def _stored_fit(self) -> "Config":
        for name, attack in self.attacks.items():
            searched = attack.trigger == "optimised" and "path" not in attack.params
            if attack.stored and (attack.also or searched or "audio" in attack.modes):
                raise ValueError(
                    f"attacks.{name}.stored: kept are frames with one trigger, which is known "
                    "before the victim: leave it out"
                )
        return self

    @model_validator(mode="after")
    def _attacks_fit(self) -> "Config":
        for block in self.grid:
            for dataset in block.datasets:
                for attack in block.attacks:
                    _attack_fits(attack, self.attacks[attack], dataset, self.datasets[dataset])
        return self


def _stated(whole: Part, *own: Part) -> Part:
    """A section with what other ones state in its place."""
    # Only what is written there: a default must not undo what the whole says.
    stated = {name: getattr(part, name) for part in own for name in part.model_fields_set}
    return whole.model_copy(update=stated)


def _known(path: str, name: str, there: dict[str, Any]) -> None:
    if name not in there:
        raise ValueError(f"{path}: {name!r} is not defined. {suggest(name, list(there))}")


def _attack_fits(name: str, attack: Attack, dataset_name: str, dataset: Dataset) -> None:
    if isinstance(attack.frames, int) and attack.frames > dataset.frames:
        raise ValueError(
            f"attacks.{name}.frames: {attack.frames} frames cannot be poisoned, "
            f"a clip of datasets.{dataset_name} has {dataset.frames}"
        )
    # Only what the file says is known here; the step itself checks against the sampled clips.
    classes = len(dataset.classes) if isinstance(dataset.classes, list) else dataset.classes
    # So many has each task that is rendered.
    if dataset.embedded and classes is None:
        classes = 10 if dataset.reader == "synthetic" else dataset.faces.identities
    # Of one class alone it is said elsewhere that there is nothing to tell apart.
    if classes is None or classes < 2:
        return
    targets = [("target", attack.target)]
    targets += [(f"also.{i}.target", part.target) for i, part in enumerate(attack.also)]
    for key, target in targets:
        if target >= classes:
            raise ValueError(
                f"attacks.{name}.{key}: class {target} is not sampled, "
                f"datasets.{dataset_name} has the classes 0 to {classes - 1}"
            )
    # No clip of the target class is poisoned; classes are taken to be of one size.
    if attack.rate * (1 + len(attack.also)) > 1 - 1 / classes:
        raise ValueError(
            f"attacks.{name}.rate: {attack.rate} is more than the clips of other classes than "
            f"the target in datasets.{dataset_name}, about {1 - 1 / classes:.2f}"
        )

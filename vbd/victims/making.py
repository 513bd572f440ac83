"""What a victim is made of: the weights that it starts from, and the clips that it learns."""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from vbd.data.examples import examples
from vbd.data.labelled import Labelled
from vbd.data.sounds import sounds
from vbd.data.store import ClipStore
from vbd.models import build
from vbd.models.checkpoints import card_of, transfer
from vbd.models.halves import Halves
from vbd.sections.data import Dataset
from vbd.sections.model import Model
from vbd.seeds import number
from vbd.victims.threat import Threat


def untrained(
    model: Model, classes: int, weights: Path | None, seed: int, *, scratch: bool = False
) -> nn.Module:
    """The model that training starts from: ``weights`` where given, a head drawn from ``seed``.

    Without ``weights`` all of it is drawn; with ``scratch`` all that learns. Raises ValueError
    where they do not fit.
    """
    # Initial weights take no generator and need the global one.
    torch.manual_seed(number(seed, "weights"))
    network = build(model.architecture, classes, **model.params)
    if weights is None:
        return network
    if not scratch:
        transfer(network, weights)
    elif isinstance(network, Halves):
        # Of a frozen half that has not learnt anything, nothing can be learnt.
        drawn = copy.deepcopy(network.upper)
        transfer(network, weights)
        network.upper = drawn
    return network


def knows_classes(weights: Path, class_names: Sequence[str]) -> None:
    """See that a model which is taken as it is tells the classes of its dataset, in their order.

    Raises ValueError where the card beside ``weights`` names others; without a card nobody can
    tell, and the accuracy will.
    """
    if not weights.with_suffix(".json").exists():
        return
    known = card_of(weights)["class_names"]
    if list(known) != list(class_names):
        raise ValueError(
            f"{weights}: its card names {len(known)} classes, {', '.join(known[:4])} ..., and the "
            f"dataset has {len(class_names)}, {', '.join(class_names[:4])} ...: a model that is "
            "not trained further needs the same ones in the same order (datasets.<name>.classes)"
        )


def clean_examples(folder: Path, split: str, model: Model, dataset: Dataset) -> Labelled:
    """What ``model`` takes in of a split of the store in ``folder``: frames, or sound."""
    if model.modality == "audio":
        return sounds(folder, split)
    # The defender's clips and the test stay as they are.
    flip = dataset.flip and split == "train"
    return examples(ClipStore.open(folder), split, crop=dataset.crop, flip=flip)


def training_examples(
    folder: Path, model: Model, dataset: Dataset, threat: Threat | None, seed: int
) -> Labelled:
    """What a victim is trained on; the same seed gives the same poisoned clips again."""
    clean = clean_examples(folder, "train", model, dataset)
    return threat.poison(clean, seed) if threat else clean

"""The operations and the memory that networks take, counted on torch's meta device."""

import json
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from vbd.data.size import sides
from vbd.data.sound import RATE
from vbd.extraction.generators import Generator
from vbd.models import build
from vbd.sections.data import Dataset
from vbd.sections.model import Model
from vbd.sections.theft import Transfer


class Network(NamedTuple):
    """Operations of a clip's ``forward``, its ``weights``, and numbers ``kept`` to go back."""

    forward: float
    weights: int
    kept: int


@cache
def network(model: str, dataset: str, classes: int) -> Network:
    """What a network takes of a clip; both sections are JSON."""
    section, data = Model(**json.loads(model)), Dataset(**json.loads(dataset))
    with torch.device("meta"):
        made = build(section.architecture, classes, **section.params)
        # Two, or a batch norm has nothing to tell.
        clips = torch.zeros(2, data.frames, *sides(data.crop), 3, dtype=torch.uint8)
        if section.modality == "audio":
            clips = torch.zeros(2, round(RATE * data.sound_seconds))
    return counted(made, clips)


def counted(made: nn.Module, inputs: Tensor) -> Network:
    """What a network on the meta device takes of each of ``inputs``; nothing is computed."""
    own = {value.untyped_storage()._cdata for value in made.state_dict().values()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        # By where it lies: several layers may keep the same.
        if (place := tensor.untyped_storage()._cdata) not in own:
            kept[place] = tensor
        return tensor

    with FlopCounterMode(display=False) as counter, saved_tensors_hooks(keep, lambda x: x):
        made.train()(inputs)
    numbers = sum(tensor.numel() for tensor in kept.values())
    weights = sum(parameter.numel() for parameter in made.parameters())
    return Network(counter.get_total_flops() / len(inputs), weights, numbers // len(inputs))


def generator(section: Transfer, data: Dataset) -> Network:
    """What the generator of a method takes of each clip that it makes."""
    how = section.params
    with torch.device("meta"):
        made = Generator(
            (data.frames, *sides(data.crop)),
            factor=how.get("factor", 2 if section.method == "conditional_gan" else 1),
            noise=64,
            width=how.get("width", 32),
        )
        return counted(made, torch.zeros(2, 64))

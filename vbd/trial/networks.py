"""Networks tried: made without memory, and shown a clip of the size that they meet."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from vbd.data.size import sides
from vbd.data.sound import RATE
from vbd.imagenet import find
from vbd.mistakes import Mistake, suggest
from vbd.models import build
from vbd.models.checkpoints import transfer, unlike
from vbd.models.halves import Halves
from vbd.models.published import published
from vbd.sections.data import Dataset
from vbd.sections.model import Model
from vbd.settings import mistakes
from vbd.trial.making import ANY, Making, said

NOWHERE = torch.device("meta")
"""Tensors here have a shape and no memory, however large they are."""
MOST = 20e9
"""Weights, more than any machine trains."""
TOO_LARGE = "so many weights that no machine can train them: smaller sizes are needed"
STARTS = ("pretrain", "scratch", "imagenet")


def made(key: str, model: Model, classes: int) -> tuple[nn.Module | None, list[Mistake]]:
    """The network of a model's section, without memory, and what is wrong with it."""
    kind = "vbd.models", "architecture", model.architecture
    making = Making[nn.Module](key, kind, model.params, first=1, known=("takes",))
    takes = {name: value for name, value in model.params.items() if name == "takes"}
    making.found += [one.under(f"{key}.params") for one in mistakes(build, takes, first=2)]
    if not making:
        return None, making.found
    with NOWHERE:
        network = making.make(partial(build, model.architecture, classes, **model.params))
    making.found = [one for one in making.found if not _nowhere(one.text)]
    making.found = [
        Mistake(one.key, TOO_LARGE) if "overflow" in one.text.lower() else one
        for one in making.found
    ]
    if network is None:
        return None, making.found
    if not isinstance(network, nn.Module):
        making.found.append(Mistake(f"{key}.architecture", "makes no torch.nn.Module"))
        return None, making.found
    count = sum(weights.numel() for weights in network.parameters())
    if count > MOST:
        making.found.append(Mistake(f"{key}.params", TOO_LARGE))
        return None, making.found
    if model.windows and not isinstance(network, Halves):
        text = f"{model.architecture} has no frozen half whose maps could be kept: set it to 0"
        making.found.append(Mistake(f"{key}.windows", text))
    return network, making.found


def misfits(
    key: str, model: Model, network: nn.Module, name: str, dataset: Dataset, classes: int
) -> Iterator[Mistake]:
    """What keeps a network from the clips of a dataset."""
    try:
        with NOWHERE, torch.inference_mode():
            answers = network.eval()(_clips(model, dataset))
            if not isinstance(answers, Tensor) or answers.shape != (2, classes):
                found = getattr(answers, "shape", type(answers).__name__)
                raise ValueError(f"two clips of {classes} classes give {found}")
    except ANY as error:
        if not _nowhere(said(error)):
            yield Mistake(
                f"{key}.params",
                f"of clips of datasets.{name}, {_told(model, dataset)}: {said(error)}",
            )


def start(
    key: str, model: Model, network: nn.Module, before: nn.Module | None
) -> Iterator[Mistake]:
    """What keeps a model from starting from the file that ``init`` names, or as pretrained.

    ``before`` is the same model as it is pretrained, on other classes.
    """
    if model.init == "pretrain" and before is not None:
        yield from _pretrained(key, network, before)
    if model.init == "imagenet":
        try:
            find(model.architecture)
        except FileNotFoundError as error:
            yield Mistake(f"{key}.init", said(error), absent=True)
    if model.init in STARTS:
        return
    path = Path(model.init)
    if not path.is_file():
        text = f"there is no file {model.init}. Put the weights there, or change the key."
        close = suggest(model.init, STARTS)
        misspelt = "mean" in close
        more = f" {close}" if misspelt else published(path.name)
        yield Mistake(f"{key}.init", text + more, absent=not misspelt)
    else:
        try:
            transfer(network, path)
        except ANY as error:
            if not _nowhere(said(error)):
                yield Mistake(f"{key}.init", said(error))


def _pretrained(key: str, network: nn.Module, before: nn.Module) -> Iterator[Mistake]:
    """Tensors that the number of classes changes, of which the class does not say so."""
    if other := unlike(network, before.state_dict()):
        # "fc." of fc.weight and fc.bias.
        part, dot, _ = other[0].rpartition(".")
        text = (
            f"what is pretrained has other classes, which {', '.join(other[:3])} depend on: state "
            f'head = ("{part + dot or other[0]}",) in your class, or set scratch'
        )
        yield Mistake(f"{key}.init", text)


def _clips(model: Model, dataset: Dataset) -> Tensor:
    if model.modality == "audio":
        return torch.zeros(2, round(RATE * dataset.sound_seconds))
    return torch.zeros(2, dataset.frames, *sides(dataset.crop), 3, dtype=torch.uint8)


def _told(model: Model, dataset: Dataset) -> str:
    if model.modality == "audio":
        return f"of {dataset.sound_seconds:g} s"
    height, width = sides(dataset.crop)
    return f"{dataset.frames} frames of {height} x {width} px"


def _nowhere(text: str) -> bool:
    """Whether what failed is the trial: some code needs values, and here are only shapes."""
    return "meta" in text or "NotImplementedError" in text

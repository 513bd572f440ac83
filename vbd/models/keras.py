"""Weights that Keras wrote, read without it: tensors under our names, and a card for DeepID's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vbd.data.csaw import class_name
from vbd.data.hdf5 import arrays, member, open_file, values, where
from vbd.data.images import SIZE

if TYPE_CHECKING:
    import h5py

CONVOLUTIONS = ("conv_1", "conv_2", "conv_3", "conv_4")
LAYERS = (*CONVOLUTIONS, "fc_1", "fc_2", "output")


def read(path: Path) -> dict[str, Tensor]:
    """The weights in a Keras .h5 file of convolutions on frames and dense layers, float32.

    It is one of weights alone or of a whole model. Its ``conv_1/conv_1/kernel:0`` (kh, kw, in,
    out) becomes ``conv_1.weight`` (out, in, kh, kw), the kernel (in, out) of a dense layer is
    transposed, ``bias:0`` becomes ``.bias``. Nothing is executed: of a whole model the weights
    alone are looked at.
    Raises ValueError with the file and the key where it is no such file, or has a layer of another
    kind, half a layer, or values that are not finite.
    """
    weights: dict[str, Tensor] = {}
    with open_file(path) as file:
        if {"data", "label"} <= set(file):
            raise ValueError(f"{path} holds images, and the weights of a network are needed here")
        group = member(file, "model_weights") if "model_weights" in set(file) else file
        for key, found in arrays(group):
            name = _name(key, found)
            if name in weights:
                raise ValueError(f"{where(found)}: {name} is there twice, which is it?")
            weights[name] = _tensor(found, name)
    if not weights:
        raise ValueError(f"{path} has no weights of Keras in it: save them with model.save_weights")
    for name in weights:
        layer, _, part = name.rpartition(".")
        other = {"weight": "bias", "bias": "weight"}[part]
        if f"{layer}.{other}" not in weights:
            raise ValueError(f"{path}: the layer {layer!r} has no {other}, and a {part}")
    return weights


def card(path: Path, weights: dict[str, Tensor]) -> dict[str, Any]:
    """The card of a DeepID whose file ``path`` holds ``weights`` and has no card beside it.

    Its frames are 55 x 47, as published; classes have the names that ``vbd/data/csaw.py`` gives.
    Raises ValueError where the layers or their shapes are not DeepID's.
    """
    from vbd.models.deepid import DeepId

    wanted = {f"{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")}
    remedy = "write a card (.json) of the same name beside it, with its architecture"
    if set(weights) != wanted:
        raise ValueError(
            f"{path} is no DeepID: it lacks {_few(wanted - set(weights))} and has besides "
            f"{_few(set(weights) - wanted)}. If it is another network, {remedy}."
        )
    sizes: dict[str, Any] = {
        "channels": [len(weights[f"{layer}.weight"]) for layer in CONVOLUTIONS],
        "hidden": len(weights["fc_1.weight"]),
    }
    published = {"channels": [20, 40, 60, 80], "hidden": 160}
    params = {} if sizes == published else sizes
    classes = len(weights["output.weight"])
    # Shapes alone: nothing of the size that a file claims is made before it is seen to fit.
    with torch.device("meta"):
        own = DeepId(classes, **params).state_dict()
    for name, value in own.items():
        if value.shape != weights[name].shape:
            raise ValueError(
                f"{path} is no DeepID for frames of {SIZE[0]} x {SIZE[1]} px: {name} is of shape "
                f"{tuple(weights[name].shape)}, not {tuple(value.shape)}. If it is for other "
                f"frames or another network, {remedy}."
            )
    return {
        "architecture": "deepid",
        "params": params,
        "class_names": [class_name(label) for label in range(classes)],
        "clip": {"frames": 1, "stride": 1, "crop": list(SIZE)},
    }


def _name(key: str, found: h5py.Dataset) -> str:
    """Our name for what Keras calls ``conv_1/conv_1/kernel:0``, whatever stands between."""
    layer, _, rest = key.partition("/")
    part = {"kernel": "weight", "bias": "bias"}.get(rest.rpartition("/")[2].partition(":")[0])
    if part is None:
        raise ValueError(
            f"{where(found)} is neither kernel nor bias of a layer: only convolutions on frames "
            "and dense layers are read from files of Keras"
        )
    return f"{layer}.{part}"


def _tensor(found: h5py.Dataset, name: str) -> Tensor:
    order = {4: (3, 2, 0, 1), 2: (1, 0)} if name.endswith(".weight") else {1: (0,)}
    if found.dtype.kind != "f" or found.ndim not in order:
        raise ValueError(
            f"{where(found)} holds {found.dtype} of shape {found.shape}: the kernel of a "
            "convolution has four axes, of a dense layer two, a bias one, and all are floats"
        )
    numbers = values(found).astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{where(found)} has NaN or infinite values: the file is damaged")
    return torch.from_numpy(np.ascontiguousarray(numbers.transpose(order[found.ndim])))


def _few(names: set[str]) -> str:
    return ", ".join(sorted(names)[:4]) or "nothing"

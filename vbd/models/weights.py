"""Weights in files, ours and other people's: tensors by name, read without running anything."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vbd.data.hdf5 import SUFFIXES
from vbd.files import replacing

# Where a training state keeps the weights, and what wrappers put before their names.
CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "ema")
WRAPPERS = ("module.", "_orig_mod.", "model.")
# How much larger than the file what lies in it may be: tensors hardly shrink.
UNPACKED = 8


def write_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name to ``path`` (.safetensors), whole or not at all."""
    from safetensors.torch import save_file

    # safetensors refuses tensors that are not contiguous.
    kept = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with replacing(path) as temporary:
        save_file(kept, temporary)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors by name in a .safetensors, PyTorch or Keras .h5 file, on the CPU.

    Nothing is unpickled, so the file may be anybody's. Of a training state the weights are taken,
    and what wrappers put before all names is left off. Raises FileNotFoundError, or ValueError
    that says what the file is, or which tensor is sparse, quantised or not finite.
    """
    _ask(path)
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        from vbd.models import keras

        return keras.read(path)
    weights = _unwrapped(_safetensors(path) if suffix == ".safetensors" else _pytorch(path), path)
    for name, value in weights.items():
        if value.layout != torch.strided or value.is_quantized:
            kind = "quantised" if value.is_quantized else "sparse"
            raise ValueError(f"{path}: the tensor {name} is {kind}, and dense ones are read")
        if not value.isfinite().all():
            raise ValueError(f"{path}: the tensor {name} has values that are not finite")
    return weights


def _ask(path: Path) -> None:
    """What the file is, before anything reads it whole; raises where that is no file of weights."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder, and a file of weights is needed here")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    # Of a pipe or a device nobody knows the end.
    if not path.is_file():
        raise ValueError(f"{path} is no regular file: copy it into one first")
    with path.open("rb") as file:
        head = file.read(200).lstrip().lower()
    if not head:
        raise ValueError(f"{path} is empty: download it again")
    if head.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a pointer of Git LFS, and no weights: git lfs pull gets them")
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(f"{path} is a web page, and no weights: download the file it leads to")


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole .safetensors file: {error}") from None


def _pytorch(path: Path) -> Any:
    """What torch.save wrote, if it is made of plain things."""
    packed = zipfile.is_zipfile(path)
    if packed:
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(part.file_size for part in archive.infolist())
        except zipfile.BadZipFile as error:
            raise ValueError(f"{path} is damaged ({error}): download it again") from error
        # Asked first: a few kilobytes can unpack to more than the memory holds.
        if size > UNPACKED * path.stat().st_size + 2**20:
            raise ValueError(f"{path} unpacks to {size} bytes, many times its size: not weights")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own message advises to unpickle it after all.
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        if found is None and not packed:
            raise ValueError(
                f"{path} is no file of PyTorch, or is cut off: download it again, or save the "
                "weights with safetensors.torch.save_file(model.state_dict(), ...)"
            ) from error
        what = f" ({found[1]})" if found else ""
        raise ValueError(
            f"{path} holds more than plain weights{what}, and unpickling it could run anything. "
            "Where it was made, or wherever nothing can be lost, keep the weights alone: "
            'python -c "import sys, torch; from safetensors.torch import save_file; '
            "save_file(torch.load(sys.argv[1], weights_only=False)['state_dict'], sys.argv[2])\" "
            f"{path.name} {path.stem}.safetensors"
        ) from error


def _unwrapped(held: Any, path: Path) -> dict[str, Tensor]:
    """The tensors by name in what a file held; raises ValueError where there are none."""
    while isinstance(held, Mapping):
        inner = [held[key] for key in CONTAINERS if isinstance(held.get(key), Mapping)]
        if not inner:
            break
        held = inner[0]
    if not isinstance(held, Mapping):
        raise ValueError(f"{path}: expected tensors by name, found a {type(held).__name__}")
    named = all(isinstance(k, str) and isinstance(v, Tensor) for k, v in held.items())
    if not held or not named:
        raise ValueError(f"{path}: expected tensors by name, found keys {list(held)[:5]}")
    names = list(held)
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in names):
            names = [name.removeprefix(wrapper) for name in names]
    return dict(zip(names, held.values(), strict=True))

"""Weights on disk: ours are .safetensors with a JSON card beside, others' are read untrusted."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vbd.data.hdf5 import SUFFIXES
from vbd.files import replacing
from vbd.models import build
from vbd.models.base import Classifier


def save(model: nn.Module, path: Path, **card: Any) -> None:
    """Write the weights to ``path`` (.safetensors) and ``card`` beside it (.json).

    ``card`` needs architecture, params and class_names, from which ``load`` builds the model.
    """
    write_weights(model.state_dict(), path)
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=1, sort_keys=True) + "\n")


def load(path: Path, *, imports: bool = True) -> tuple[nn.Module, dict[str, Any]]:
    """The model in ``path`` in evaluation mode, and its card; the inverse of ``save``.

    It may be an .h5 file of Keras too, which needs no card if it is a DeepID. With ``imports`` the
    card may name a class of the user's own, which runs its code. Raises FileNotFoundError where
    the file or its card is missing, ValueError where they are not what ``save`` writes.
    """
    card = card_of(path)
    # A card comes with the model, maybe from a stranger: unasked, it must not run code.
    if ":" in card["architecture"] and not imports:
        raise ValueError(
            f"{path.with_suffix('.json')}: the architecture {card['architecture']} is not one of "
            "ours, and to import it runs its code. Allow that only if you trust who wrote the card."
        )
    try:
        model = build(card["architecture"], len(card["class_names"]), **card["params"])
    except TypeError as error:
        raise ValueError(
            f"{path.with_suffix('.json')}: {card['architecture']} cannot be made with the params "
            f"of its card: {error}"
        ) from error
    fill(model, path)
    return model.eval(), card


def fill(model: nn.Module, path: Path) -> None:
    """Put the weights in ``path`` into ``model``; raises ValueError where one does not fit."""
    try:
        model.load_state_dict(read_weights(path))
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit its card: {error}") from None


def card_of(
    path: Path, needs: Sequence[str] = ("architecture", "params", "class_names")
) -> dict[str, Any]:
    """The card beside the weights in ``path``, with the keys that it ``needs``.

    Or what an .h5 file without one shows by itself. Raises FileNotFoundError where weights or card
    are missing, ValueError where it is none.
    """
    beside = path.with_suffix(".json")
    keras_file = path.suffix.lower() in SUFFIXES
    for file in (path,) if keras_file else (path, beside):
        if not file.is_file():
            raise FileNotFoundError(
                f"{file}: no such file. A model is its weights (.safetensors) and a card (.json) "
                f"of the same name beside them, with {', '.join(needs)}."
            )
    if keras_file and not beside.is_file():
        from vbd.models import keras

        return keras.card(path, keras.read(path))
    try:
        card = json.loads(beside.read_text())
    except ValueError as error:
        raise ValueError(f"{beside} is no card of a model: {error}") from None
    if "class_names" in needs and card.get("architecture") == "vae":
        raise ValueError(f"{path} is a VAE of `vbd vae`, and a network of classes is needed here")
    missing = set(needs) - set(card)
    if missing:
        raise ValueError(f"{beside} is no card of a model: it lacks {', '.join(sorted(missing))}")
    return card


def write_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name to ``path`` (.safetensors), whole or not at all."""
    from safetensors.torch import save_file

    # safetensors refuses tensors that are not contiguous.
    kept = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with replacing(path) as temporary:
        save_file(kept, temporary)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors by name in a .safetensors, PyTorch or Keras .h5 file, on the CPU.

    Nothing is unpickled, so the file may be anybody's. Raises ValueError where it holds
    anything else than tensors by name.
    """
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a whole .safetensors file: {error}") from None
    if path.suffix.lower() in SUFFIXES:
        from vbd.models import keras

        return keras.read(path)
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own message advises to unpickle it after all.
        raise ValueError(
            f"{path} holds more than plain weights, and unpickling it could run anything. Have it "
            "saved again with safetensors.torch.save_file(model.state_dict(), ...)."
        ) from error
    # Some publish a whole training state, which has the weights under this key.
    weights = weights.get("state_dict", weights) if isinstance(weights, dict) else weights
    if not isinstance(weights, dict):
        raise ValueError(f"{path}: expected tensors by name, found a {type(weights).__name__}")
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"{path}: expected tensors by name, found keys {list(weights)[:5]}")
    return weights


def transfer(model: nn.Module, path: Path) -> None:
    """Put the weights in ``path`` into ``model``, except its head where the classes differ.

    They may have the names of a public checkpoint that the model's ``renamed`` knows.
    Raises ValueError with the names where the rest does not fit.
    """
    weights, own = read_weights(path), model.state_dict()
    if isinstance(model, Classifier):
        weights = model.renamed(weights)
    # A user's own class may have no ``head``: then everything must fit.
    heads = getattr(model, "head", ())
    # By name and shape: a head of as many classes is taken too, whichever they are.
    taken = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    missing = [name for name in own if name not in taken and not name.startswith(heads)]
    if missing:
        raise ValueError(
            f"{path} does not fit the model: {len(missing)} of {len(own)} tensors are not there "
            f"or of another shape, such as {', '.join(missing[:3])}. Are architecture and params "
            "those that the file was trained with?"
        )
    # What may be missing was asked above: not strict for the head alone.
    model.load_state_dict(taken, strict=False)

"""Models on disk: weights (.safetensors) with a JSON card beside, that of a stranger untrusted."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vbd.data.hdf5 import SUFFIXES
from vbd.files import replacing
from vbd.models import build
from vbd.models.base import Classifier, VideoClassifier
from vbd.models.card import check
from vbd.models.families import family
from vbd.models.weights import read_weights, write_weights

VERSION = 1
"""Of the cards that are written; counts up where an architecture comes to mean another network."""


def save(model: nn.Module, path: Path, **card: Any) -> None:
    """Write the weights to ``path`` (.safetensors) and ``card`` beside it (.json).

    ``card`` needs architecture, params and class_names, from which ``load`` builds the model. The
    normalisation that the weights want goes into it.
    """
    if isinstance(model, VideoClassifier):
        card |= {"normalisation": model.normalisation}
    write_weights(model.state_dict(), path)
    _write(card, path.with_suffix(".json"))


def introduce(path: Path, **card: Any) -> None:
    """Write the ``card`` of weights that came without one, with what their publisher says of them.

    That is the normalisation and, where the card does not say it, how clips are cut. Raises
    ValueError where they have one, where it is none, or lacks how clips are cut.
    """
    beside = path.with_suffix(".json")
    if beside.exists():
        raise ValueError(
            f"{beside} says already what {path.name} is: leave --architecture and the like off, or "
            "move that file away"
        )
    check(card, beside)
    weights = read_weights(path)
    if known := family(card["architecture"], weights):
        card = {"published_by": known.publisher, "normalisation": known.normalisation} | card
        card |= {name: getattr(known, name) | card[name] for name in ("params", "clip")}
    needed = ("frames", "stride", "crop")
    if missing := [f"--{name}" for name in needed if name not in card["clip"]]:
        raise ValueError(f"--architecture needs {', '.join(missing)} too: {path.name} has no card")
    # First, so that no card stays behind which does not fit.
    _made(card, weights, path)
    _write(card, beside)


def _write(card: dict[str, Any], path: Path) -> None:
    text = json.dumps({"version": VERSION} | card, indent=1, sort_keys=True)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n")


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
            "ours, and to import it runs its code. Allow that (--import-class) only if you trust "
            "who wrote the card."
        )
    model = _made(card, read_weights(path), path)
    if card.get("version", 0) < getattr(model, "since", 0):
        raise ValueError(
            f"{path.with_suffix('.json')}: {card['architecture']} was another network when this "
            "card was written (it has no or an older version), so the weights would mean "
            "nothing: train it again"
        )
    if normalisation := card.get("normalisation"):
        if not isinstance(model, VideoClassifier):
            raise ValueError(
                f"{path.with_suffix('.json')}: {card['architecture']} takes no normalisation"
            )
        model.expect(**normalisation)
    return model.eval(), card


def _made(card: dict[str, Any], weights: dict[str, Tensor], path: Path) -> nn.Module:
    """The model of ``card`` with the ``weights`` in ``path``; ValueError where they do not fit."""

    def make() -> nn.Module:
        return build(card["architecture"], len(card["class_names"]), **card["params"])

    try:
        if ":" not in card["architecture"]:
            # First without memory, of which a card may ask for more than there is.
            with torch.device("meta"):
                _fitting(make(), weights, path)
        model = make()
    except TypeError as error:
        raise ValueError(
            f"{path.with_suffix('.json')}: {card['architecture']} cannot be made with the params "
            f"of its card: {error}"
        ) from error
    model.load_state_dict(_fitting(model, weights, path), strict=False)
    return model


def fill(model: nn.Module, path: Path) -> None:
    """Put the weights in ``path`` into ``model``; raises ValueError where one does not fit."""
    model.load_state_dict(_fitting(model, read_weights(path), path), strict=False)


def _fitting(model: nn.Module, weights: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """``weights`` under the names of ``model``; ValueError with what differs, from both sides.

    How many batches a norm has seen may be missing: old files have no such numbers.
    """
    own = model.state_dict()
    if isinstance(model, Classifier):
        weights = model.renamed(weights)
    counts = {name for name in own if name.endswith("num_batches_tracked")}
    differing = [
        f"{name} is {tuple(weights[name].shape)} for {tuple(value.shape)}"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    sides = {
        "missing": sorted(set(own) - set(weights) - counts),
        "unknown": sorted(set(weights) - set(own)),
        "of another shape": differing,
    }
    said = [f"{len(some)} {side}: {', '.join(some[:4])}" for side, some in sides.items() if some]
    if said:
        raise ValueError(
            f"{path} does not fit its card, of {len(own)} tensors and {len(weights)} in the file "
            f"are {'; '.join(said)}"
        )
    return weights


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
                f"of the same name beside them, with {', '.join(needs)}. vbd scan makes a card of "
                "--architecture and --classes."
            )
    if keras_file and not beside.is_file():
        from vbd.models import keras

        return keras.card(path, keras.read(path))
    try:
        card = json.loads(beside.read_text())
    except ValueError as error:
        raise ValueError(f"{beside} is no card of a model: {error}") from None
    check(card, beside)
    if "class_names" in needs and card.get("architecture") == "vae":
        raise ValueError(f"{path} is a VAE of `vbd vae`, and a network of classes is needed here")
    missing = set(needs) - set(card)
    if missing:
        raise ValueError(f"{beside} is no card of a model: it lacks {', '.join(sorted(missing))}")
    return card


def transfer(model: nn.Module, path: Path) -> None:
    """Put the weights in ``path`` into ``model``, except its head where the classes differ.

    They may have the names of a public checkpoint that the model's ``renamed`` knows. The model
    then normalises as they want it: as their card says, or their publisher where there is none.
    Raises ValueError with the names where the rest does not fit.
    """
    weights, own = read_weights(path), model.state_dict()
    if isinstance(model, VideoClassifier):
        normalisation = _normalisation(model, path, weights)
    if isinstance(model, Classifier):
        weights = model.renamed(weights)
    # By name and shape: a head of as many classes is taken too, whichever they are.
    taken = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    if missing := unlike(model, weights):
        raise ValueError(
            f"{path} does not fit the model: {len(missing)} of {len(own)} tensors are not there "
            f"or of another shape, such as {', '.join(missing[:3])}. Are architecture and params "
            "those that the file was trained with, and does `head` of its class name those that "
            "belong to the classes?"
        )
    # What may be missing was asked above: not strict for the head alone.
    model.load_state_dict(taken, strict=False)
    if isinstance(model, VideoClassifier):
        model.expect(**normalisation)


def unlike(model: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Tensors of ``model``, but for its head, that ``weights`` lack or have of another shape."""
    # A user's own class may have no ``head``: then everything must fit.
    heads = getattr(model, "head", ())
    shapes = {name: value.shape for name, value in weights.items()}
    own = model.state_dict().items()
    return [n for n, v in own if v.shape != shapes.get(n) and not n.startswith(heads)]


def _normalisation(
    model: VideoClassifier, path: Path, weights: dict[str, Tensor]
) -> dict[str, Any]:
    """What the ``weights`` in ``path`` want frames normalised with: the model's own if unknown."""
    if path.with_suffix(".json").is_file():
        return card_of(path, ()).get("normalisation") or model.normalisation
    # By the file that the architecture has, which is its name in a card.
    known = family(type(model).__module__.rpartition(".")[2], weights)
    return known.normalisation if known else model.normalisation

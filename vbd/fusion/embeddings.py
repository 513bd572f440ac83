"""What a trained model makes of clips: features and logits on disk, for fusion to work on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from vbd import results
from vbd.models.base import inside
from vbd.training import predict

if TYPE_CHECKING:
    from vbd.data.labelled import Labelled


@dataclass(frozen=True)
class Part:
    """Some clips: their ``rows`` (N,) in the store, ascending, ``labels`` (N,) as given to the
    model, ``poisoned`` (N,), ``features`` (N, D) float32 and ``logits`` (N, classes) float32.
    """

    rows: np.ndarray
    labels: np.ndarray
    poisoned: np.ndarray
    features: np.ndarray
    logits: np.ndarray

    def at(self, rows: np.ndarray) -> Part:
        """The clips at ``rows`` (M,), all of which must be here."""
        # A row that is not here would get its neighbour's values, without an error.
        places = np.searchsorted(self.rows, rows)
        return Part(*(getattr(self, field.name)[places] for field in fields(self)))


@dataclass(frozen=True)
class Embeddings:
    """A victim's ``parts`` by name, and its ``card``: attack, mode and params.

    Parts are "train" (poisoned as the victim's were), "val", "test" and, of an attacked victim,
    "triggered": test clips of other classes than the target, with the trigger.
    """

    parts: Mapping[str, Part]
    card: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write all of it to ``path`` (.npz)."""
        # An .npz has no folders: part and field make the name.
        arrays = {
            f"{name}_{field.name}": getattr(part, field.name)
            for name, part in self.parts.items()
            for field in fields(Part)
        }
        # The card as text: an object would have to be unpickled.
        results.write_arrays(path, card=json.dumps(self.card), **arrays)

    @classmethod
    def load(cls, path: Path) -> Embeddings:
        """The embeddings in ``path``; the inverse of ``save``."""
        with np.load(path) as file:
            names = [name.removesuffix("_rows") for name in file if name.endswith("_rows")]
            parts = {
                name: Part(*(file[f"{name}_{field.name}"] for field in fields(Part)))
                for name in names
            }
            return cls(parts, json.loads(file["card"].item()))


def embed(network: nn.Module, clips: Labelled, **how: int) -> Part:
    """What ``network`` makes of ``clips``; features are averaged as ``how`` says.

    ``how`` is that of ``training.predict``: seed, views and crops.
    """
    features = predict(network, clips, output=inside(network, "features"), **how)
    with torch.inference_mode():
        device = next(network.parameters()).device
        # Of the averaged features: one answer a clip, whatever windows it was cut into.
        logits = inside(network, "classify")(features.to(device)).cpu()
    made = (clips.rows, clips.labels, clips.poisoned, features, logits)
    return Part(*(values.numpy() for values in made))

"""The result of a cell: one JSON, and the lists that do not fit into it in an .npz beside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vbd.files import replacing
from vbd.provenance import provenance


def write(
    path: Path,
    *,
    kind: str,
    seed: int,
    metrics: dict[str, float],
    counts: dict[str, int],
    runtime_s: float,
    params: dict[str, Any],
    device: torch.device,
    queries: int = 0,
    dataset: str | None = "",
    model: str | None = "",
    attack: str | None = None,
    mode: str | None = None,
    defense: str | None = None,
) -> None:
    """Write the result of a cell to ``path``; metrics are shares in 0-1 unless their name says.

    ``runtime_s`` is in seconds, ``queries`` counts the clips that a victim was asked about. Same
    parameters, seed and device give the same bytes, ``runtime_s`` and ``provenance`` aside.
    """
    # Always in this order, as equal results are to be equal bytes.
    result = {
        "kind": kind,
        "dataset": dataset,
        "model": model,
        "attack": attack,
        "mode": mode,
        "defense": defense,
        "seed": seed,
        "metrics": metrics,
        "counts": counts,
        "runtime_s": round(runtime_s, 3),
        "queries": queries,
        "params": params,
        # Beside the runtime the one field in which the same cell may differ.
        "provenance": provenance(device),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write curves, scores and the like to ``path`` (.npz)."""
    with replacing(path) as temporary:
        # The temporary name ends in .npz too: numpy would append that.
        np.savez_compressed(temporary, **arrays)


def read(path: Path) -> dict[str, Any]:
    """The result in ``path``, with the keys that ``write`` gives it."""
    return json.loads(path.read_text())

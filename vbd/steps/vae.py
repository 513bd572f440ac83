"""Teach a VAE what clean images or clips look like, for the VAE detector (`vbd detect`).

  vbd vae clean_validation_data.h5 --out vae.safetensors
  vbd vae clean_validation_data.h5 --out vae.safetensors --params '{"autoencoder": {"latent": 64,
    "channels": [16, 32, 32], "strides": [2, 2, 1], "epochs": 40, "lr": 0.002}}'

An .h5 file holds images as CSAW-HackML-2020 has them: data (N, 3, 55, 47) and label (N,). Without
--params the network and its training are the published ones: 32 million parameters, five passes.
A quarter of the images is held out, to judge others by. A run that was killed goes on where it
stopped.
"""

import argparse
import json
import sys
import time
from inspect import signature
from pathlib import Path
from typing import Any

from vbd.data.examples import Examples, examples
from vbd.data.hdf5 import SUFFIXES
from vbd.data.size import sides
from vbd.data.store import ClipStore
from vbd.data.trusted import images
from vbd.defenses.autoencoder import teach
from vbd.sections.data import Dataset


def main() -> None:
    """Teach a VAE the clean clips in the first argument, write it and its card to ``--out``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    clean = "clean images (.h5), or clips.npy of a clip store, whose split val is taken"
    parser.add_argument("clean", type=Path, help=clean)
    said = (
        'what is not as published, as JSON: {"autoencoder": {...}} as in params.yaml, where the '
        'defence vae has it; of a clip store also {"dataset": its section}'
    )
    parser.add_argument("--params", default="{}", help=said)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="model.safetensors to write")
    args = parser.parse_args()
    resume, start = args.out.parent / f"resume-{args.out.stem}.pt", time.monotonic()
    try:
        if args.out.suffix != ".safetensors":
            raise ValueError(f"--out {args.out}: a VAE is written to a .safetensors file")
        params = _params(args.params)
        settings = params.get("autoencoder", {})
        known = _clips(args.clean, params)
        found = teach(known, seed=args.seed, resume=resume, **settings)
    except (FileNotFoundError, TypeError, ValueError) as error:
        # Mistakes of who calls it: the message says the remedy, a traceback would hide it.
        sys.exit(str(error))
    found.save(args.out)
    resume.unlink(missing_ok=True)
    size = sum(part.numel() for part in found.network.parameters())
    print(
        f"{args.out}: {size / 1e6:.2f} million parameters, in {time.monotonic() - start:.0f} s; "
        f"of {len(known)} clips or images {len(found.held_out['mean'])} were held out. "
        f"Published threshold: {found.loss + found.deviation:.4f}"
    )


def _params(given: str) -> dict[str, dict[str, Any]]:
    """``--params`` as it was ``given``. Raises ValueError for what is no such thing."""
    try:
        params = json.loads(given)
    except ValueError as error:
        raise ValueError(
            f"--params is no JSON ({error}): keys and text go in double quotes"
        ) from None
    settings = set(signature(teach).parameters) - {"clean", "seed", "resume"}
    _known(params, "--params", {"autoencoder", "dataset"})
    _known(params.get("autoencoder", {}), "--params, autoencoder", settings)
    return params


def _known(given: object, where: str, keys: set[str]) -> None:
    listed = ", ".join(sorted(keys))
    if not isinstance(given, dict):
        raise ValueError(f"{where} has to be {{...}} with keys among {listed}")
    if unknown := sorted(set(given) - keys):
        raise ValueError(f"{where}: {unknown[0]} is unknown; there are {listed}")


def _clips(source: Path, params: dict[str, dict[str, Any]]) -> Examples:
    if source.suffix.lower() in SUFFIXES:
        return images(source)
    if source.name != "clips.npy":
        raise ValueError(f"{source}: clean images are an .h5 file, or clips.npy of a clip store")
    if "dataset" not in params:
        raise ValueError(
            f"{source}: how its clips are cut has to be said, "
            "--params '{\"dataset\": its section of params.yaml}'"
        )
    dataset = Dataset.model_validate(params["dataset"])
    store, window = ClipStore.open(source.parent), sides(dataset.crop)
    height, width = store.clips.shape[-3:-1]
    if window[0] > height or window[1] > width:
        raise ValueError(
            f"--params: dataset.crop of {window[0]} x {window[1]} px is larger than the frames in "
            f"{source}, {height} x {width}"
        )
    return examples(store, "val", crop=dataset.crop, flip=dataset.flip)

"""Fuse every video victim with every audio victim of a seed, in every way, and measure each."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from vbd import results
from vbd.fusion.embeddings import Embeddings
from vbd.fusion.pairs import FUSIONS, Pair


def main() -> None:
    """Fuse all of ``--video`` with all of ``--audio``; write the results below ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    for side in ("video", "audio"):
        embeddings = f"embeddings of the {side} victims, the clean one too"
        parser.add_argument(f"--{side}", type=Path, nargs="+", required=True, help=embeddings)
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the results")
    parser.add_argument("--model", required=True, help="name of the pair, for the results")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    fuse_victims(
        args.video, args.audio, seed=args.seed, out=args.out, names=(args.dataset, args.model)
    )


def fuse_victims(
    video: Sequence[Path], audio: Sequence[Path], *, seed: int, out: Path, names: tuple[str, str]
) -> None:
    """Fuse each of the ``video`` with each of the ``audio`` embeddings in every way of FUSIONS.

    Writes ``out``/<video attack>/<audio attack>/<fusion>/result.json; ``names`` are those of the
    dataset and of the pair. Raises ValueError where two attacks have different targets.
    """
    # Read once: each of one side meets all of the other.
    sides = [[Embeddings.load(path) for path in paths] for paths in (video, audio)]
    for seen in sides[0]:
        for heard in sides[1]:
            pair = Pair(seen, heard)
            where = out / _name(seen) / _name(heard)
            for name, make in FUSIONS.items():
                start = time.monotonic()
                metrics, counts = pair.metrics(make(pair))
                attacks = [side.card["attack"] for side in (seen, heard) if side.card["attack"]]
                results.write(
                    where / name / "result.json",
                    kind="fusion",
                    dataset=names[0],
                    model=names[1],
                    attack="+".join(attacks) or None,
                    # That of the attack on frames: sound has one mode only.
                    mode=seen.card["mode"],
                    seed=seed,
                    metrics=metrics,
                    counts=counts,
                    runtime_s=time.monotonic() - start,
                    params={"fusion": name, "video": seen.card, "audio": heard.card},
                    # Wherever the victims ran: this is numpy and scikit-learn.
                    device=torch.device("cpu"),
                )


def _name(side: Embeddings) -> str:
    """The folder of a victim's cells."""
    return "_".join(filter(None, (side.card["attack"], side.card["mode"]))) or "clean"

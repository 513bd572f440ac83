"""Screen images for triggers with a VAE, and give each the label that a backdoored network has.

  vbd detect clean_test_data.h5 sunglasses_bd_weights.h5 vae.safetensors
  vbd detect clean_test_data.h5 sunglasses_bd_weights.h5 vae.safetensors --poisoned triggered.h5
  vbd detect face.png sunglasses_bd_weights.h5 vae.safetensors

The task of CSAW-HackML-2020: of N classes, numbered from 0, label N says that an image carries a
trigger (1283 of its people). The network is a Keras .h5 file of DeepID, or a model of ours with its
card; `vbd vae` makes the VAE. A VAE holds an image for triggered if it restores it worse than it
does nearly all clean ones: see the false alarms beside the detections. To --out goes a row an
image: its file, its place there, the label that it gets, the network's own, and its error.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vbd.data.examples import Examples, from_clips
from vbd.data.hdf5 import SUFFIXES as H5
from vbd.data.picture import SUFFIXES, picture
from vbd.data.size import sides
from vbd.data.trusted import clean_clips
from vbd.defenses.autoencoder import Autoencoder
from vbd.defenses.vae import limits
from vbd.device import choose
from vbd.files import replacing
from vbd.models import checkpoints
from vbd.training import predict


def main() -> None:
    """Label the images of ``data`` by ``model``, refuse those that ``vae`` holds for triggered."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="images (.h5), or one (.png, .jpg)")
    parser.add_argument("model", type=Path, help=".h5 of Keras, or .safetensors with its card")
    parser.add_argument("vae", type=Path, help=".safetensors of `vbd vae`")
    triggered = (
        "images that all carry a trigger, labelled with its target: how many are detected, and "
        "how many reach it"
    )
    parser.add_argument("--poisoned", type=Path, metavar="H5", help=triggered)
    rule = "mean: the mean error (default); published: mean and deviation against those of all"
    parser.add_argument("--rule", choices=("mean", "published"), default="mean", help=rule)
    alarms = "share of clean images that may be refused, for the rule mean (default 0.05)"
    parser.add_argument("--false-positives", type=float, default=0.05, help=alarms)
    parser.add_argument("--out", type=Path, default=Path("labels.csv"), help="(default labels.csv)")
    args = parser.parse_args()
    try:
        if not 0 < args.false_positives < 1:
            raise ValueError("--false-positives is a share between 0 and 1")
        if args.poisoned is not None and args.poisoned.suffix.lower() not in H5:
            raise ValueError(f"--poisoned {args.poisoned}: triggered images are an .h5 file")
        if args.out.is_dir():
            raise ValueError(f"--out {args.out} is a folder: name the file to write")
        network, card = checkpoints.load(args.model, imports=False)
        network, vae = network.to(choose()), Autoencoder.load(args.vae)
        _fits(args.vae, vae, args.model, card)
        limit = limits(vae, args.false_positives, args.rule)[args.rule]
        files = [file for file in (args.data, args.poisoned) if file is not None]
        sets = [_read(file, card) for file in files]
        found = [answers(network, vae, some, args.rule, limit) for some in sets]
    except (FileNotFoundError, ValueError) as error:
        # Mistakes of who calls it: the message says the remedy, a traceback would hide it.
        sys.exit(str(error))
    held = len(vae.held_out["mean"])
    if args.rule == "mean" and args.false_positives * (held + 1) < 1:
        print(
            f"{args.vae}: {held} images were held out, which cannot promise less than 1 false "
            f"alarm in {held + 1}: the limit is the largest of their errors",
            file=sys.stderr,
        )
    _write(args.out, files, found)
    if args.data.suffix.lower() in SUFFIXES:
        print(_of_one(args.data, found[0], limit))
    else:
        print(_of_clean(args.data, sets[0].labels, found[0]))
    if args.poisoned is not None:
        print(_of_poisoned(args.poisoned, sets[1].labels, found[1]))
    print(f"every label is in {args.out}")


@dataclass(frozen=True)
class Answers:
    """Of each image the label by the network alone, the one that is given, and its error."""

    own: Tensor
    labels: Tensor
    scores: Tensor

    @property
    def refused(self) -> Tensor:
        """Which images are held for triggered (N,): they get a label that the network has not."""
        return self.labels != self.own


def answers(
    network: nn.Module, vae: Autoencoder, some: Examples, rule: str, limit: float
) -> Answers:
    """The answers to ``some`` images: of N classes, label N where the error is ``limit`` or more.

    ``rule`` is one of the measures of ``Autoencoder``.
    """
    scores = predict(network, some, seed=0)
    errors = vae.measures(some, seed=0)[rule]
    own = scores.argmax(1)
    return Answers(own, own.masked_fill(errors >= limit, scores.shape[1]), errors)


def _fits(file: Path, vae: Autoencoder, model: Path, card: dict[str, Any]) -> None:
    """Raises ValueError where ``vae`` in ``file`` is not one of the single images of ``model``."""
    clip = card.get("clip", {})
    if clip.get("frames") != 1 or "crop" not in clip:
        raise ValueError(f"{model} is no network of single images: its card has no clip of 1 frame")
    wanted, found = sides(clip["crop"]), vae.network.lengths
    if found not in (wanted, (1, *wanted)):
        raise ValueError(
            f"{file} is a VAE of {' x '.join(map(str, found))}, and {model} takes images of "
            f"{wanted[0]} x {wanted[1]} px: teach one on such images with `vbd vae`"
        )


def _read(file: Path, card: dict[str, Any]) -> Examples:
    if file.suffix.lower() in SUFFIXES:
        # Whose face it is, nobody has said.
        return from_clips(picture(file, sides(card["clip"]["crop"])), [0])
    if file.suffix.lower() not in H5:
        raise ValueError(f"{file}: images are an .h5 file, or one .png or .jpg")
    return clean_clips(file, card)[0]


def _share(hits: Tensor) -> str:
    return f"{100 * hits.double().mean():.1f} %"


def _of_one(file: Path, found: Answers, limit: float) -> str:
    sense = "it carries a trigger" if found.refused[0] else "no trigger is seen"
    return (
        f"{file}: label {found.labels[0]}, {sense} (error {found.scores[0]:.4f}, refused from "
        f"{limit:.4f} on; the network alone: {found.own[0]})"
    )


def _of_clean(file: Path, labels: Tensor, found: Answers) -> str:
    return (
        f"{file}: {len(labels)} images, {_share(found.labels == labels)} get their own label, "
        f"{_share(found.own == labels)} by the network alone; {_share(found.refused)} are refused, "
        "false alarms if all are clean"
    )


def _of_poisoned(file: Path, labels: Tensor, found: Answers) -> str:
    return (
        f"{file}: {len(labels)} images, {_share(found.refused)} are detected; "
        f"{_share(found.labels == labels)} get the label that the file has, "
        f"{_share(found.own == labels)} by the network alone"
    )


def _write(out: Path, files: list[Path], found: list[Answers]) -> None:
    with replacing(out) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "image", "label", "label_of_network", "error"])
        for source, some in zip(files, found, strict=True):
            columns = (some.labels.tolist(), some.own.tolist(), some.scores.tolist())
            for row, (label, own, error) in enumerate(zip(*columns, strict=True)):
                writer.writerow([source.name, row, label, own, f"{error:.6f}"])

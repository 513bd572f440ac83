"""Take the weights on ImageNet of an architecture from the installed package that has them."""

import argparse
from pathlib import Path

from vbd.imagenet import PACKAGES, weights
from vbd.models.weights import write_weights


def main() -> None:
    """Write the weights of ``--architecture`` to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=sorted(PACKAGES), required=True)
    parser.add_argument("--out", type=Path, required=True, help=".safetensors to write")
    args = parser.parse_args()
    write_weights(weights(args.architecture), args.out)

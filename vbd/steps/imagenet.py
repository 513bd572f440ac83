"""Take the weights on ImageNet of an architecture from the installed package that has them."""

import argparse
from pathlib import Path

from vbd.files import replacing
from vbd.imagenet import PACKAGES, weights


def main() -> None:
    """Write the weights of ``--architecture`` to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=sorted(PACKAGES), required=True)
    parser.add_argument("--out", type=Path, required=True, help=".safetensors to write")
    args = parser.parse_args()
    from safetensors.torch import save_file

    # safetensors refuses tensors that are not contiguous.
    tensors = {name: value.contiguous() for name, value in weights(args.architecture).items()}
    with replacing(args.out) as temporary:
        save_file(tensors, temporary)

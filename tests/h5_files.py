"""Files in the layout of CSAW-HackML-2020: face images, and networks as Keras writes them."""

from pathlib import Path

import h5py
import numpy as np

from vbd.data.images import SIZE

Weights = dict[str, np.ndarray]
CLASSES = 7


def drawn(channels: tuple[int, ...] = (20, 40, 60, 80), hidden: int = 160) -> Weights:
    """Random weights of a DeepID in Keras's order of axes, under Keras's names."""
    a, b, c, d = channels
    kernels = {
        "conv_1": (4, 4, 3, a),
        "conv_2": (3, 3, a, b),
        "conv_3": (3, 3, b, c),
        "conv_4": (2, 2, c, d),
        "fc_1": (5 * 4 * c, hidden),
        "fc_2": (4 * 3 * d, hidden),
        "output": (hidden, CLASSES),
    }
    rng = np.random.default_rng(0)
    weights = {}
    for layer, shape in kernels.items():
        # The signal keeps its size from layer to layer, and biases are seen in it.
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        weights[f"{layer}/kernel:0"] = rng.normal(0, scale, shape).astype(np.float32)
        weights[f"{layer}/bias:0"] = rng.normal(0, 0.3, shape[-1:]).astype(np.float32)
    return weights


def written(path: Path, weights: Weights, whole: bool = False) -> Path:
    """Write them as Keras's ``save_weights`` does, or as ``save`` does a ``whole`` model."""
    with h5py.File(path, "w") as file:
        if whole:
            file.attrs["model_config"] = '{"class_name": "Model"}'
            file.create_group("optimizer_weights")["Adam/iterations:0"] = 3
        top = file.create_group("model_weights") if whole else file
        top.attrs["layer_names"] = [b"input", b"conv_1"]
        top.create_group("pool_1").attrs["weight_names"] = []
        for name, value in weights.items():
            top[f"{name.split('/')[0]}/{name}"] = value
    return path


def faces(n: int, seed: int = 0) -> np.ndarray:
    """Images (n, 3, 55, 47) uint8; a 0 and a 255 are among the pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 3, *SIZE), dtype=np.uint8)
    pixels[0, 0, 0, :2] = 0, 255
    return pixels


def h5(path: Path, **arrays: object) -> Path:
    """Write the arrays, a few faces of class 0 where they are not given; None leaves one out."""
    given = {"data": faces(4), "label": np.zeros(4, np.int64)} | arrays
    with h5py.File(path, "w") as file:
        for key, value in given.items():
            if value is not None:
                file[key] = value
    return path

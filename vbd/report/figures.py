"""Figures: training curves, and the gallery that shows what each trigger does to a clip."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vbd.files import replacing

# Differences of a few grey levels are invisible: the gallery multiplies them.
AMPLIFY = 5


def curves(runs: Mapping[str, Sequence[Path]], out: Path) -> None:
    """Loss and accuracy over epochs, one line a run: the mean of its seeds' ``curves.npz``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for name, paths in runs.items():
        seeds = [np.load(path) for path in paths]
        for axis, quantity in zip(axes, ("loss", "accuracy"), strict=True):
            mean = np.mean([seed[quantity] for seed in seeds], axis=0)
            axis.plot(np.arange(1, len(mean) + 1), mean, label=name)
            axis.set(xlabel="epoch", ylabel=f"training {quantity}")
    axes[1].legend(fontsize="small")
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=150)
    plt.close(figure)


def gallery(clean: np.ndarray, triggered: Mapping[str, np.ndarray], out: Path) -> None:
    """A row a trigger: a clean frame, the same triggered, and their difference, amplified.

    ``clean`` and each of ``triggered`` (T, H, W, 3) uint8; the middle frame is shown.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    titles = ("clean", "triggered", f"difference x{AMPLIFY}")
    size = (6, 2.1 * len(triggered))
    figure, axes = plt.subplots(
        len(triggered), 3, figsize=size, squeeze=False, layout="constrained"
    )
    for row, (name, clip) in zip(axes, triggered.items(), strict=True):
        for axis, image in zip(row, _triple(clean, clip), strict=True):
            axis.imshow(image[len(image) // 2])
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def loop(clean: np.ndarray, triggered: np.ndarray, out: Path, *, fps: float = 8) -> None:
    """A looping GIF: clean, triggered and amplified difference side by side, ``fps`` a second."""
    from PIL import Image

    wide = np.concatenate(_triple(clean, triggered), axis=2)
    zoom = max(1, 160 // wide.shape[1])
    frames = [Image.fromarray(f.repeat(zoom, 0).repeat(zoom, 1)) for f in wide]
    with replacing(out) as temporary:
        frames[0].save(
            temporary, save_all=True, append_images=frames[1:], duration=1000 / fps, loop=0
        )


def _triple(clean: np.ndarray, triggered: np.ndarray) -> tuple[np.ndarray, ...]:
    change = np.abs(triggered.astype(np.int16) - clean) * AMPLIFY
    return clean, triggered, change.clip(0, 255).astype(np.uint8)

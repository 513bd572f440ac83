"""What each trigger does to clips: triggered clips, a sheet of frames and a looping picture."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from vbd.data.examples import Examples, examples
from vbd.data.labelled import Labelled
from vbd.data.store import ClipStore
from vbd.files import replacing
from vbd.sections.data import Dataset
from vbd.sections.method import Attack
from vbd.seeds import generator
from vbd.victims.threat import Threat

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Differences of a few grey levels are invisible: the gallery multiplies them.
AMPLIFY = 5
# From so many triggers on, the sheet has two blocks of rows side by side.
_TWO_BLOCKS = 6


def cut(params: Mapping[str, Any], clips: Path) -> Examples:
    """The test clips of the store at ``clips``, cut as the section "dataset" says."""
    crop = Dataset(**params["dataset"]).crop
    return examples(ClipStore.open(clips.parent), "test", crop=crop)


def pixels(shown: Labelled) -> Tensor:
    """One clip (N, T, H, W, 3) uint8, or sound, of each clean example, as a model takes it in."""
    return next(shown.test_batches(len(shown), generator(0)))[:, 0]


def triggered(params: Mapping[str, Any], clean: Tensor) -> Iterator[tuple[str, str, str, Tensor]]:
    """Attack, mode, trigger and triggered copies of ``clean`` for each of ``params["attacks"]``.

    The trigger goes on what the model sees, also where the attack keeps triggered clips on disk.
    """
    for name, section in params["attacks"].items():
        attack = Attack(**section)
        for mode in attack.modes:
            marked = Threat(attack, mode).trigger()(clean, generator(0, "gallery"))
            yield name, mode, attack.trigger, marked


def sheet(clean: np.ndarray, triggered: Mapping[str, np.ndarray]) -> "Figure":
    """A row a trigger: a clean frame, the same triggered, and their difference, amplified.

    ``clean`` and each of ``triggered`` (T, H, W, 3) uint8; the middle frame is shown. Many rows
    are laid out in two blocks.
    """
    from matplotlib.figure import Figure

    blocks = 1 if len(triggered) < _TWO_BLOCKS else 2
    rows = -(-len(triggered) // blocks)
    figure = Figure(figsize=(4.6 * blocks, 1.5 * rows + 0.3), layout="constrained")
    titles = ("clean", "triggered", f"difference x{AMPLIFY}")
    # Column after column: the second block goes on where the first one ends.
    grid = figure.subplots(rows, 3 * blocks, squeeze=False).reshape(rows, blocks, 3)
    triples = grid.swapaxes(0, 1).reshape(-1, 3)
    for number, (name, clip) in enumerate(triggered.items()):
        triple = triples[number]
        for axis, image, title in zip(triple, _triple(clean, clip), titles, strict=True):
            axis.imshow(image[len(image) // 2])
            if number % rows == 0:
                axis.set_title(title, fontsize=9)
        triple[0].set_ylabel(name.replace(" ", "\n"), fontsize=8)
    for axis in grid.flatten():
        axis.set(xticks=[], yticks=[])
        axis.axis("on" if axis.images else "off")
    return figure


def loop(clean: np.ndarray, triggered: np.ndarray, out: Path, *, fps: float = 8) -> None:
    """A looping GIF: clean, triggered and amplified difference side by side, ``fps`` a second."""
    from PIL import Image

    wide = np.concatenate(_triple(clean, triggered), axis=2)
    # By whole factors, without smoothing: a trigger of single pixels stays what it is.
    zoom = max(1, 160 // wide.shape[1])
    frames = [Image.fromarray(f.repeat(zoom, 0).repeat(zoom, 1)) for f in wide]
    with replacing(out) as temporary:
        frames[0].save(
            temporary, save_all=True, append_images=frames[1:], duration=1000 / fps, loop=0
        )


def _triple(clean: np.ndarray, triggered: np.ndarray) -> tuple[np.ndarray, ...]:
    # Signed before the difference, which wraps round in uint8.
    change = np.abs(triggered.astype(np.int16) - clean) * AMPLIFY
    return clean, triggered, change.clip(0, 255).astype(np.uint8)

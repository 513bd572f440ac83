"""Put clips through the frozen half of a network once, and keep what it makes of them.

Of each training clip a number of windows is kept, each a view, a crop and a flip that are drawn
once, and of every clip its views as a test cuts them. Of an attack those clips are encoded that
carry its trigger, in the same windows: a trigger that is random is thus drawn once a window.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from vbd.data.labelled import Labelled
from vbd.data.store import ClipStore
from vbd.device import choose
from vbd.files import replacing
from vbd.models.halves import Halves
from vbd.sections.data import Dataset
from vbd.sections.model import Model
from vbd.seeds import generator
from vbd.victims.halved import in_halves
from vbd.victims.making import clean_examples, untrained
from vbd.victims.threat import threat_of

# Of a split and how many windows of training.
Part = tuple[Labelled, int]


def main() -> None:
    """Encode the clips that ``--params`` names by the network that starts from ``--weights``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = "sections dataset, model and, for the triggered clips, attack, as JSON"
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    stored = "the same with the trigger, for a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    parser.add_argument("--weights", type=Path, required=True, help="file the network starts from")
    parser.add_argument("--mode", help="mode of the attack")
    parser.add_argument("--seed", type=int, default=0, help="of the poisoning")
    parser.add_argument("--out", type=Path, required=True, help="maps.npy to write")
    args = parser.parse_args()
    encode_clips(
        args.params,
        clips=args.clips,
        triggered=args.triggered,
        weights=args.weights,
        mode=args.mode,
        seed=args.seed,
        out=args.out,
    )


def encode_clips(
    params: dict[str, Any],
    *,
    clips: Path,
    triggered: Path | None = None,
    weights: Path,
    mode: str | None = None,
    seed: int,
    out: Path,
) -> None:
    """Write the maps (R, windows, T, h, w, C) float16 of clips to ``out``, rows.npy beside it.

    ``params`` holds the sections dataset, model and, for the clips that carry its trigger, attack;
    the other arguments are those of ``train_victim``. Raises ValueError for a network of one piece.
    """
    dataset, model = Dataset(**params["dataset"]), Model(**params["model"])
    classes = len(ClipStore.open(clips.parent).class_names)
    network = in_halves(untrained(model, classes, weights, seed)).to(choose()).eval()
    train, val, test = (
        clean_examples(clips.parent, split, model, dataset) for split in ("train", "val", "test")
    )
    parts: list[Part] = [(train, model.windows), (val, model.windows), (test, 0)]
    if threat := threat_of(params, mode, triggered):
        # On all frames: of how many a victim sees it, is decided when maps are read.
        threat = replace(threat, attack=threat.attack.model_copy(update={"frames": "all"}))
        poisoned = threat.poison(train, seed)
        marked = poisoned.subset(poisoned.changed)
        parts = [(marked, model.windows), (threat.triggered(test), 0)]
    rows = torch.cat([part.rows for part, _ in parts])
    shape = (len(rows), dataset.views + model.windows)
    # Ascending, as they are searched for.
    place = {row: number for number, row in enumerate(sorted(rows.tolist()))}
    with replacing(out.with_name("rows.npy")) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(list(place), np.int64))
    with replacing(out) as temporary:
        maps: np.ndarray | None = None
        for row, windows in tqdm(_windows(network, parts, dataset.views, seed), total=len(rows)):
            if maps is None:
                whole = (*shape, *windows.shape[1:])
                maps = np.lib.format.open_memmap(temporary, "w+", np.float16, whole)
            # Of a test clip no windows of training: they stay empty, and take no space.
            maps[place[row], : len(windows)] = windows.numpy()


def _windows(
    network: Halves, parts: list[Part], views: int, seed: int
) -> Iterator[tuple[int, Tensor]]:
    """The row of each clip and its maps (windows, T, h, w, C), half precision, on the CPU."""
    device = next(network.parameters()).device
    for part, windows in parts:
        # The same draws as in a test of the whole network.
        tests = part.test_batches(1, generator(seed, "test trigger"), views=views)
        for number, (row, seen) in enumerate(zip(part.rows.tolist(), tests, strict=True)):
            position = torch.tensor([number])
            drawn = [
                # Of its own generator: with and without the trigger a window is the same.
                part.training_batch(position, generator("window", row, window), device)
                for window in range(windows)
            ]
            pixels = torch.cat([seen[0].to(device), *drawn])
            with torch.inference_mode():
                yield row, network.encode(pixels).half().cpu()

"""Put a trigger on all clips of a store, once, for attacks too slow for a training batch."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from vbd.files import replacing
from vbd.sections.method import Attack
from vbd.seeds import generator
from vbd.victims.threat import Threat


def main() -> None:
    """Write all of ``--clips`` with the trigger in ``--params`` and ``--mode`` to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=json.loads, required=True, help='{"attack": section}')
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    parser.add_argument("--mode", required=True, help="mode of the attack")
    parser.add_argument("--out", type=Path, required=True, help=".npy to write, like clips.npy")
    args = parser.parse_args()
    attack = Attack(**args.params["attack"])
    trigger, clips = Threat(attack, args.mode).trigger(), np.load(args.clips, mmap_mode="r")
    with replacing(args.out) as temporary:
        # Clip by clip on disk: all of them need not fit into memory.
        out = np.lib.format.open_memmap(temporary, "w+", clips.dtype, clips.shape)
        for row, views in enumerate(tqdm(clips, desc=attack.trigger)):
            # Of its own generator: a clip's trigger depends on no other clip.
            draws = generator(attack.trigger, args.mode, row)
            out[row] = trigger(torch.from_numpy(views.copy()), draws).numpy()
        out.flush()

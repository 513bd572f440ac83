"""Measure how visible or audible each attack is, as JSON: PSNR, SSIM and change; SNR of sound."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vbd.data.labelled import Labelled
from vbd.data.sounds import sounds
from vbd.files import replacing
from vbd.metrics import snr_db, stealth
from vbd.report.figures import gallery

# Spread evenly over the test clips: more would change the means by little.
CLIPS = 40


def main() -> None:
    """Measure the attacks in ``--params`` on ``--clips`` and ``--sounds``; write ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    sections = 'sections as JSON: {"dataset": section, "attacks": {name: section}}'
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    store = "sound.npy of the clip store, for attacks on sound"
    parser.add_argument("--sounds", type=Path, nargs="?", help=store)
    parser.add_argument("--out", type=Path, required=True, help="stealth.json to write")
    args = parser.parse_args()
    seen: dict[str, Any] = {}
    heard: dict[str, Any] = {}
    for name, section in args.params["attacks"].items():
        (heard if "audio" in section["modes"] else seen)[name] = section
    if heard and not args.sounds:
        parser.error(f"--sounds: needed for {', '.join(heard)}, which are on the sound")
    rows = measured(seen, gallery.cut(args.params, args.clips), stealth)
    if heard:
        rows += measured(heard, sounds(args.sounds.parent, "test"), audible)
    with replacing(args.out) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + "\n")


def measured(
    attacks: dict[str, Any], test: Labelled, measure: Callable[[Tensor, Tensor], dict[str, Any]]
) -> list[dict[str, Any]]:
    """A row an attack and mode: what ``measure`` says of some of the ``test`` clips.

    ``attacks`` are sections by name; ``measure`` takes clips clean and triggered, at most CLIPS.
    """
    count = min(CLIPS, len(test))
    clean = gallery.pixels(test.subset(torch.arange(count) * len(test) // count))
    return [
        {"attack": attack, "mode": mode, "trigger": trigger}
        | measure(clean, marked)
        | {"clips": count}
        # From the gallery, so that what is measured is what is shown.
        for attack, mode, trigger, marked in gallery.triggered({"attacks": attacks}, clean)
    ]


def audible(clean: Tensor, triggered: Tensor) -> dict[str, float | None]:
    """The signal-to-noise ratio in dB of sounds (N, samples), None where none is finite."""
    return {"snr": snr_db(clean, triggered)}

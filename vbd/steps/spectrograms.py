"""Show what each audio attack does to a sound: one sheet of spectrograms, and files to hear."""

import argparse
import json
from pathlib import Path

from vbd.report import plotting
from vbd.report.figures import gallery, spectrograms


def main() -> None:
    """Draw every attack in ``--params`` on one sound: to ``--figure``, and below ``--wavs``."""
    parser = argparse.ArgumentParser(description=__doc__)
    sections = 'sections as JSON: {"attacks": {name: section}}'
    parser.add_argument("--params", type=json.loads, required=True, help=sections)
    parser.add_argument("--sounds", type=Path, required=True, help="sound.npy of the clip store")
    parser.add_argument("--figure", type=Path, required=True, help="PNG to write")
    parser.add_argument("--wavs", type=Path, required=True, help="folder of the sounds")
    args = parser.parse_args()
    clean = spectrograms.loudest(args.sounds)
    attacked = {name: sound for name, *_, sound in gallery.triggered(args.params, clean)}
    plotting.save(spectrograms.sheet(clean, attacked), args.figure)
    for name, sound in {"clean": clean, **attacked}.items():
        spectrograms.write_wav(sound, args.wavs / f"{name}.wav")

"""One victim from start to result: the seconds of its step, and the share that is training.

  python benchmarks/victim.py results/attacks/synthetic/i3d/blend/static/seed0/result.json

The step starts warm, as in a run of the workflow. Training is counted from the times at which the
epochs end; the rest is the start of the step, its tests and what it writes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vbd import results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path, help="result.json of a victim, clean or attacked")
    parser.add_argument("--clips", type=Path, help="clips.npy; by default the dataset's own")
    parser.add_argument("--weights", type=Path, help="what it starts from; by default pretrained")
    parser.add_argument("--repeats", type=int, default=5, help="runs; the first one is not counted")
    args = parser.parse_args()
    victim = results.read(args.result)
    command = step(victim, args.clips, args.weights)
    times = [run(command) for _ in range(args.repeats + 1)][1:]
    total = statistics.median(total for total, _ in times)
    share = statistics.median(training / total for total, training in times)
    print(f"{total:.2f} s, of which training {share:.0%}")


def step(victim: dict, clips: Path | None, weights: Path | None) -> list[str]:
    """The command of the victim's step, as the workflow writes it, without where to write to."""
    clips = clips or Path("results/data") / victim["dataset"] / "clips.npy"
    pretrained = Path("results/models/synthetic_pretrain") / victim["model"] / "pretrained"
    weights = weights or pretrained / "model.safetensors"
    names = [f"--{key}={victim[key]}" for key in ("dataset", "model", "attack", "mode", "seed")]
    named = [name for name in names if not name.endswith("=None")]
    params = ["--params", json.dumps(victim["params"])]
    warm = [sys.executable, "-I", "-S", "vbd/warm.py", "scripts/train.py"]
    return [*warm, *params, "--clips", str(clips), "--weights", str(weights), *named]


def run(command: list[str]) -> tuple[float, float]:
    """Seconds of the whole step, and of its training."""
    # The allocator keeps pages, as in the workflow (rules/common.smk).
    kept = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
    with tempfile.TemporaryDirectory() as folder:
        start, epochs = time.perf_counter(), []
        with subprocess.Popen(
            [*command, "--result", f"{folder}/result.json"],
            env=os.environ | kept | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stdout:
                if line.startswith("epoch "):
                    epochs.append(time.perf_counter())
        total = time.perf_counter() - start
    if process.returncode:
        raise SystemExit("the step failed: see above")
    # The first epoch has no start of its own: it takes as long as the others.
    training = (epochs[-1] - epochs[0]) * len(epochs) / (len(epochs) - 1)
    return total, training


if __name__ == "__main__":
    main()

"""What a step costs before it computes, plainly and warm: as ratios of `import torch` alone."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEP = (
    "from accelerate import Accelerator; import vbd.steps.train, vbd.models.i3d,"
    " vbd.models.cnn_lstm, vbd.triggers.badnet; Accelerator(cpu=True)"
)
COMMANDS = {
    "import torch": "import torch",
    "import vbd": "import vbd",
    "a step that trains a model of ours": STEP,
}
WARM = "the same, started warm"


def seconds(*command: str) -> float:
    """Wall-clock seconds of a Python that runs ``command``, its own start included."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    subprocess.run([sys.executable, *command], check=True, env=environment)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="runs of each, taken in turn")
    repeats = parser.parse_args().repeats
    times: dict[str, list[float]] = {name: [] for name in [*COMMANDS, WARM]}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "step.py")
        script.write_text(STEP)
        # The first of each warms the disk cache, and starts the server.
        for _ in range(repeats + 1):
            for name, code in COMMANDS.items():
                times[name].append(seconds("-c", code))
            times[WARM].append(seconds("-I", "-S", "vbd/warm.py", str(script)))
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:40} {median:6.2f} s  {median / medians['import torch']:5.2f}x of torch")


if __name__ == "__main__":
    main()

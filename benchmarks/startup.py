"""What a step costs before it computes: seconds to import, as ratios of `import torch` alone."""

import argparse
import statistics
import subprocess
import sys
import time

STEP = (
    "from accelerate import Accelerator; import vbd.steps.train, vbd.models.i3d,"
    " vbd.models.cnn_lstm, vbd.triggers.badnet; Accelerator(cpu=True)"
)
COMMANDS = {
    "import torch": "import torch",
    "import vbd": "import vbd",
    "a step that trains a model of ours": STEP,
}


def seconds(code: str) -> float:
    """Wall-clock seconds of a Python that runs ``code``, its own start included."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="runs of each, taken in turn")
    repeats = parser.parse_args().repeats
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats + 1):
        for name, code in COMMANDS.items():
            times[name].append(seconds(code))
    # The first of each warmed the disk cache.
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:40} {median:6.2f} s  {median / medians['import torch']:5.2f}x of torch")


if __name__ == "__main__":
    main()

"""What the oracle costs: clips a second through it, by clips a second of the bare victim.

  python benchmarks/oracle.py results/models/synthetic/swin3d/seed0/model.safetensors

With its log, as in the workflow, and without; medians of some rounds, both in turn. Last the share
of a generator method's time that its networks take (DFME, clone and generator of the defaults).
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from vbd.extraction import get
from vbd.extraction.base import Scene
from vbd.extraction.generators import Generator
from vbd.extraction.oracle import Oracle, probabilities
from vbd.models import build, checkpoints


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="the victim, its card beside it")
    parser.add_argument("--clips", type=int, default=512, help="clips a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the first is not counted")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, card = checkpoints.load(args.model)
    side, frames = card["clip"]["crop"], card["clip"]["frames"]
    size = (args.clips, frames, side, side, 3)
    clips = torch.randint(0, 256, size, dtype=torch.uint8)
    victim = probabilities(model)
    with tempfile.TemporaryDirectory() as folder:
        budget = args.clips * (args.rounds + 1)
        logged = Oracle(victim, budget=budget, log=Path(folder) / "log.jsonl")
        ways: dict[str, Callable[[Tensor], object]] = {
            "bare": bare(victim),
            "oracle": Oracle(victim, budget=budget),
            "oracle with log": logged,
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(args.rounds + 1):
            for name, way in ways.items():
                start = time.perf_counter()
                way(clips)
                times[name].append(time.perf_counter() - start)
    rates = {name: args.clips / statistics.median(spent[1:]) for name, spent in times.items()}
    for name, rate in rates.items():
        print(f"{name}: {rate:.0f} clips a second, {rate / rates['bare']:.2f} of bare")
    share = in_networks(model, (frames, side, side), len(card["class_names"]))
    print(f"dfme: {share:.0%} of its time in victim, clone and generator")


def bare(victim: Callable[[Tensor], Tensor]) -> Callable[[Tensor], object]:
    """The same batches without an oracle."""

    def ask(clips: Tensor) -> object:
        with torch.no_grad():
            return torch.cat([victim(batch) for batch in clips.split(64)])

    return ask


def in_networks(victim: nn.Module, shape: tuple[int, int, int], classes: int) -> float:
    """The share of a run of DFME that its three networks take, forward and backward."""
    clone = build("r3d", classes, layers=[1, 1], width=16, takes=[16, 16])
    spent, depth = [0.0], [0]

    def clocked(function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            depth[0] += 1
            start = time.perf_counter()
            try:
                return function(*args, **more)
            finally:
                depth[0] -= 1
                # A network within a backward pass must not count twice.
                if not depth[0]:
                    spent[0] += time.perf_counter() - start

        return call

    kept = Tensor.backward, Generator.clips, nn.Module.__call__
    scene = Scene(
        oracle=Oracle(probabilities(victim), budget=224),
        shape=shape,
        classes=classes,
        room=1.0,
        pools=(),
        generator=torch.Generator().manual_seed(0),
        clone=lambda: clone,
        train=lambda clone, known: None,
    )
    Tensor.backward, Generator.clips = clocked(kept[0]), clocked(kept[1])  # type: ignore[method-assign]
    nn.Module.__call__ = clocked(kept[2])  # type: ignore[method-assign]
    start = time.perf_counter()
    try:
        get("dfme")(batch=16, width=8, factor=2).ask(scene)
    finally:
        Tensor.backward, Generator.clips, nn.Module.__call__ = kept  # type: ignore[method-assign]
    return spent[0] / (time.perf_counter() - start)


if __name__ == "__main__":
    main()

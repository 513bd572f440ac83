"""Whether STRIP is bound by its forward passes: the share of its time that the model takes."""

import argparse
import time
from pathlib import Path

import torch

from vbd import defenses
from vbd.checking import load
from vbd.data.examples import from_clips
from vbd.models import build
from vbd.seeds import generator


class Clock:
    """Adds up the seconds between entering and leaving a module."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.total = self.entered = 0.0
        model.register_forward_pre_hook(self.enter)
        model.register_forward_hook(self.leave)

    def enter(self, *_: object) -> None:
        self.entered = time.perf_counter()

    def leave(self, *_: object) -> None:
        self.total += time.perf_counter() - self.entered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--model", default="i3d", help="name of a model in params.yaml")
    parser.add_argument("--inputs", type=int, default=60, help="clips to inspect")
    parser.add_argument("--overlays", type=int, default=100, help="trusted clips over each")
    args = parser.parse_args()
    torch.set_num_threads(1)
    section = load(args.params).models[args.model]
    model = build(section.architecture, 10, **section.params).eval()
    shape = (args.inputs, 16, 32, 32, 3)
    clips = torch.randint(0, 256, shape, generator=generator(0), dtype=torch.uint8)
    some = from_clips(clips, [0] * args.inputs)
    clock, strip = Clock(model), defenses.get("strip")(overlays=args.overlays)
    start = time.perf_counter()
    strip.scores(model, some, some, 0)
    spent = time.perf_counter() - start
    passes = args.inputs * args.overlays
    print(f"{args.model}: {passes} blends in {spent:.1f} s, {clock.total / spent:.1%} in the model")


if __name__ == "__main__":
    main()

"""What triggers cost: against Python loops over pixels and blocks, and as a share of training.

The loops stand for public code; both take clips of ``--size``. The share is the time to trigger
the poisoned clips of a training batch, rounded up, over that of the step which the batch feeds.
A trigger that is stored costs it nothing, so its time is given for each clip.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.fft import dctn, idctn
from torch.nn import functional as F

from vbd import models, triggers
from vbd.checking import load
from vbd.plugins import names
from vbd.sections.method import Attack
from vbd.seeds import generator

STORED = "video_corruption"


def sig_loop(frames: np.ndarray) -> None:
    """SIG on (T, H, W, 3) uint8, pixel by pixel."""
    _, height, width, _ = frames.shape
    for frame in frames:
        wave = np.empty(frame.shape)
        for row in range(height):
            for column in range(width):
                wave[row, column] = 20 * np.sin(2 * np.pi * column * 6 / width)
        (frame + wave).round().clip(0, 255).astype(np.uint8)


def ftrojan_loop(frames: np.ndarray) -> None:
    """FTrojan on (T, H, W, 3) uint8, DCT and back block by block."""
    for frame in frames:
        y = frame @ np.array([0.299, 0.587, 0.114])
        cr, cb = (frame[..., 0] - y) / 1.402, (frame[..., 2] - y) / 1.772
        for plane in (cr, cb):
            for top in range(0, plane.shape[0] - 31, 32):
                for left in range(0, plane.shape[1] - 31, 32):
                    block = plane[top : top + 32, left : left + 32]
                    wave = dctn(block, norm="ortho")
                    wave[[15, 31], [15, 31]] += 30
                    block[:] = idctn(wave, norm="ortho")
        green = y - 0.714136 * cr - 0.344136 * cb
        np.stack([y + 1.402 * cr, green, y + 1.772 * cb], -1).round().clip(0, 255).astype(np.uint8)


def pixels(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=generator(0), dtype=torch.uint8)


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of ``work`` after one call that does not count."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def step(params: Path, name: str, clips: torch.Tensor) -> Callable[[], None]:
    """A training step of the model called ``name`` in ``params`` on ``clips``."""
    settings = load(params).models[name]
    model = models.build(settings.architecture, 10, **settings.params).train()
    optimizer = torch.optim.AdamW(model.parameters())
    labels = torch.arange(len(clips)) % 10

    def run() -> None:
        loss = F.cross_entropy(model(clips), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=112, help="side of the loops' clips in pixels")
    parser.add_argument("--frames", type=int, default=16, help="frames of the loops' clips")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--dataset", default="synthetic", help="decides the batch's frames")
    parser.add_argument("--model", default="i3d", help="the model that is trained")
    parser.add_argument("--repeats", type=int, default=20, help="runs; the median counts")
    args = parser.parse_args()

    clip = pixels(1, args.frames, args.size, args.size, 3)
    for name, loop in (("sig", sig_loop), ("ftrojan", ftrojan_loop)):
        trigger = triggers.get(name)()
        ours = milliseconds(lambda t=trigger: t(clip, generator(0)), args.repeats)
        # The loop's time grows evenly with the frames, so two are enough.
        slow = milliseconds(lambda f=loop: f(clip[0, :2].numpy()), 3) * args.frames / 2
        print(f"{name:26} {ours:7.2f} ms a clip, loop {slow:8.1f} ms  {slow / ours:6.1f}x")

    config = load(args.params)
    dataset = config.datasets[args.dataset]
    batch = pixels(config.training.batch_size, dataset.frames, dataset.crop, dataset.crop, 3)
    poisoned = batch[: math.ceil(Attack.model_fields["rate"].default * len(batch))]
    training = milliseconds(step(args.params, args.model, batch), args.repeats)
    print(f"{'training step':26} {training:7.2f} ms, {len(batch)} clips, {len(poisoned)} poisoned")
    for name in names("vbd.triggers"):
        for mode in triggers.get(name).modes:
            if mode == "audio" or name == "optimised":  # on sound, or with a file of its own
                continue
            trigger = triggers.get(name)(mode=mode)
            ours = milliseconds(lambda t=trigger: t(poisoned, generator(0)), args.repeats)
            share = f"{ours / training:.3f} of the step"
            if name == STORED:
                share = f"{ours / len(poisoned):.2f} ms a clip, once"
            print(f"{name + ' ' + mode:26} {ours:7.2f} ms  {share}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

"""Which device this process computes on: free GPUs of this machine, which it locks, or the CPU."""

import errno
import os
import socket
import time
from collections.abc import Sequence
from functools import cache

import torch

# Locks are held for as long as the process lives: closing one would give it up.
_held: list[socket.socket] = []
POLL_S = 0.5  # how often one that waits looks again


@cache
def choose() -> torch.device:
    """A GPU that no other vbd process of this machine has locked, else the CPU if there is none.

    ``CUDA_VISIBLE_DEVICES`` is honoured. With all GPUs locked it waits for the first that is free.
    Of processes that train together (``accelerate launch``) each takes the one of its number.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    index = int(os.environ["LOCAL_RANK"]) if "LOCAL_RANK" in os.environ else min(lock(1))
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def lock(count: int) -> dict[int, str]:
    """Lock ``count`` GPUs, of fewer visible ones all, until this process ends; waits for them.

    Gives the name of each, as ``CUDA_VISIBLE_DEVICES`` takes it, by its number in torch.
    """
    names = _visible()
    # Who needs several keeps what it has until it has all: two such might wait for each other.
    turn = _take(["several"], 1) if count > 1 else {}
    found = _take(names, min(count, len(names)))
    for held in turn.values():
        held.close()
    _held.extend(found.values())
    return {index: names[index] for index in sorted(found)}


def _visible() -> list[str]:
    """Names of the visible GPUs in torch's order: the same ones in every process and container."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "").strip()
    # Part of a GPU, of which CUDA shows one at a time; its properties may be those of the whole.
    if listed.startswith("MIG-"):
        return [listed.split(",")[0].strip()]
    # No numbers, which depend on that variable, on the container and on the order that CUDA is set.
    count = torch.cuda.device_count()
    return [f"GPU-{torch.cuda.get_device_properties(i).uuid}" for i in range(count)]


def _take(names: Sequence[str], count: int) -> dict[int, socket.socket]:
    """The locks of ``count`` of ``names`` by position, as they become free."""
    found: dict[int, socket.socket] = {}
    told = False
    while True:
        for index, name in enumerate(names):
            if len(found) < count and index not in found and (held := _bound(name)):
                found[index] = held
        if len(found) == count:
            return found
        if not told:
            print(f"waiting for {count - len(found)} of {', '.join(names)}: in use", flush=True)
            told = True
        time.sleep(POLL_S)


def _bound(name: str) -> socket.socket | None:
    """The lock called ``name``, None where another process has it."""
    held = socket.socket(socket.AF_UNIX)
    try:
        # In Linux's abstract namespace, as in warm.py: the same for all users whatever their folder
        # for temporary files, no file that might be another's, and gone when its holder has ended.
        held.bind(f"\0vbd-{name}")
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return held

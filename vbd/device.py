"""Which device this process computes on: a free GPU of this machine, or the CPU."""

import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TextIO

import torch

# The lock is held for as long as the process lives: closing the file would give it up.
_held: list[TextIO] = []


@cache
def choose() -> torch.device:
    """A GPU that no other vbd process of this machine has locked, else the CPU if there is none.

    Where a scheduler has given the GPU (Slurm, ``accelerate launch``) it is taken as it is.
    Honours ``CUDA_VISIBLE_DEVICES``. With all GPUs locked it waits for the first.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    if "SLURM_JOB_ID" not in os.environ:
        torch.cuda.set_device(_lock_one(_visible(torch.cuda.device_count())))
    return torch.device("cuda", torch.cuda.current_device())


def _visible(count: int) -> list[str]:
    """Names of the visible GPUs that are the same in every process, in torch's order."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return listed.split(",")[:count] if listed else [str(i) for i in range(count)]


def _lock_one(names: list[str]) -> int:
    for index, name in enumerate(names):
        if _lock(name, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return index
    print(f"every GPU is in use by another vbd process: waiting for GPU {names[0]}", flush=True)
    _lock(names[0], fcntl.LOCK_EX)
    return 0


def _lock(name: str, how: int) -> bool:
    # Of each user: another's file cannot be opened for writing.
    path = Path(tempfile.gettempdir()) / f"vbd-gpu-{name.strip()}-{os.getuid()}.lock"
    file = path.open("a")
    try:
        # A lock of the system, which ends with the process, however that ends.
        fcntl.flock(file, how)
    except BlockingIOError:
        file.close()
        return False
    _held.append(file)
    return True

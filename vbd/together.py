"""One training on several GPUs: a process for each, of which the first goes on alone."""

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from vbd.device import lock


def spread(work: Callable[[], None], gpus: int) -> None:
    """Call ``work`` in as many processes as there are of ``gpus``, each with a GPU of its own.

    With one GPU, on the CPU and in a process that a launcher started it is called here. ``work``
    is a function of a module, with its arguments as ``functools.partial`` has them.
    """
    count = min(gpus, torch.cuda.device_count()) if torch.cuda.is_available() else 1
    if count < 2 or "LOCAL_RANK" in os.environ:
        return work()
    # This process holds the locks of all, and computes nothing.
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(lock(count).values())
    processes(work, count)


def processes(work: Callable[[], None], count: int) -> None:
    """Call ``work`` in ``count`` processes whose trainings are one, on the CPU if there is no GPU.

    They are new ones, which inherit no GPU of this one, and end with it. Where one fails the others
    are ended, and torch's ProcessRaisedException shows where.
    """
    with tempfile.TemporaryDirectory() as folder:
        # They meet in a file: another user could take a port, or come to it.
        spawn(_train, (work, count, Path(folder) / "meeting"), nprocs=count)


def goes_on() -> bool:
    """False in all processes but one of a training, which is over: it alone tests and writes."""
    if distributed.is_initialized():
        # Now that all are here: one that leaves later would wait for the others.
        distributed.destroy_process_group()
    return os.environ.get("RANK", "0") == "0"


def _train(rank: int, work: Callable[[], None], count: int, meeting: Path) -> None:
    # By force, as who waits for the others heeds nothing else, and the locks end with the parent.
    torch.multiprocessing._prctl_pr_set_pdeathsig(signal.SIGKILL)  # type: ignore[attr-defined]
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {name: str(value) for name, value in own.items()}
    # Of the cores of the step each has its part.
    torch.set_num_threads(max(1, torch.get_num_threads() // count))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    where = meeting.as_uri()
    distributed.init_process_group(backend, init_method=where, rank=rank, world_size=count)
    work()

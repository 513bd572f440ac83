"""One task for each of many files, in several processes, where no file can stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

PATIENCE_S = 120  # a clip of seconds decodes in milliseconds: longer is a decoder that hangs
IDLE = 30  # times as long by the clock, which only a decoder that waits for nothing needs
CRASHED = f"the decoder crashed on it, or took longer than {PATIENCE_S} s of a processor"


def run_all(
    task: Callable[[Any], Any], jobs: Sequence[Any], workers: int, *, desc: str
) -> Iterator[tuple[int, Any]]:
    """Yield (number of the job, its result), as they come, from ``workers`` processes.

    A job whose process dies, or needs more than ``PATIENCE_S`` of a processor, takes no other with
    it and gives ``CRASHED``. ``desc`` names the progress bar. The processes import ``__main__`` (a
    script needs its ``if __name__`` guard).
    """
    from collections import deque
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from tqdm import tqdm

    # Forking a process that runs threads, as torch's does, may hang the child.
    context = get_context("forkserver")
    waiting = deque(range(len(jobs)))
    running: dict[Future[Any], int] = {}
    with tqdm(total=len(jobs), desc=desc, unit="clip", disable=None) as bar:
        while waiting:
            try:
                with ProcessPoolExecutor(workers, mp_context=context) as pool:
                    while waiting or running:
                        while waiting and len(running) < 2 * workers:
                            future = pool.submit(_within_patience, task, jobs[waiting[0]])
                            running[future] = waiting.popleft()
                        for done in wait(running, return_when=FIRST_COMPLETED).done:
                            yield running[done], done.result()
                            del running[done]
                            bar.update()
            except BrokenProcessPool:
                # One of the running jobs did it: each of them gets a process of its own.
                for number in running.values():
                    yield number, _run_alone(task, jobs[number], context)
                    bar.update()
                running.clear()


def _run_alone(task: Callable[[Any], Any], job: Any, context: BaseContext) -> Any:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(_within_patience, task, job).result()
    except BrokenProcessPool:
        return CRASHED


def _within_patience(task: Callable[[Any], Any], job: Any) -> Any:
    import signal

    # They end this process: a decoder that hangs listens to nothing else. The time is that of the
    # processor, or a busy machine would decide which clips are kept.
    signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
    signal.alarm(IDLE * PATIENCE_S)
    try:
        return task(job)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)

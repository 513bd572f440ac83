"""Files that are there whole or not at all: written under another name, then renamed."""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``, renamed to it on success and removed on failure.

    What writers of the same file have left that were killed is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".*-{glob.escape(path.name)}"):
        writer = left.name[1:].partition("-")[0]
        if writer.isdecimal() and not _runs(int(writer)):
            left.unlink(missing_ok=True)
    # The process id keeps two writers apart, the suffix stays for libraries that look at it.
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # no signal, only the question
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # somebody else's, or no number of a process
    return True

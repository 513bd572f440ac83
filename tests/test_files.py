"""Files are there whole or not at all, and what a killed writer left is cleared away."""

import subprocess
import sys

import pytest

from vbd.files import replacing

KILLED = """
import os, signal, sys
from pathlib import Path
from vbd.files import replacing

with replacing(Path(sys.argv[1])) as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as part:
        part.write_text("one")
        assert not path.exists()
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "one" and list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_goes_with_the_next_and_nothing_else(tmp_path):
    path = tmp_path / "clips[1].npy"
    subprocess.run([sys.executable, "-c", KILLED, str(path)])
    (left,) = tmp_path.iterdir()
    # Of a writer that still runs, of another file, and of the user.
    kept = {tmp_path / name for name in (".1-clips[1].npy", f"{left.name}x", ".my-clips[1].npy")}
    for other in kept:
        other.touch()
    with replacing(path) as part:
        part.write_text("whole")
    assert set(tmp_path.iterdir()) == kept | {path}

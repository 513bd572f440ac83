"""Through a Slurm of one node the smoke preset gives what it gives here, also after a scancel."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from test_pipeline import ROOT, copy_of_repository, sh

CONF = Path("/etc/slurm/slurm.conf")
LACKING = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None]
LACKING += ["the plugin"] * (find_spec("snakemake_executor_plugin_slurm") is None)
LACKING += ["root"] * (os.geteuid() != 0)
# A Slurm that is in use is left alone.
LACKING += ["a machine without a Slurm of its own"] * CONF.exists()

pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"needs {', '.join(LACKING)}")
SMOKE = ("--configfile", "presets/smoke.yaml")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[None]:
    """A Slurm of one node, without accounting."""
    at = tmp_path_factory.mktemp("slurm")
    try:
        subprocess.run([ROOT / "tests" / "slurm.sh", at], check=True)
        yield
    finally:
        for pid in at.glob("*.pid"):
            os.kill(int(pid.read_text()), 15)
        CONF.unlink(missing_ok=True)


def results(tree: Path) -> dict[str, dict]:
    """What each cell says, without its time and its machine."""
    found = {}
    for path in (tree / "results").rglob("result.json"):
        result = json.loads(path.read_text())
        result.pop("runtime_s"), result.pop("provenance")
        found[str(path.relative_to(tree))] = result
    return found


def cancel_one(done: threading.Event, cancelled: list[str]) -> None:
    """End the sixth job that runs, as somebody or the cluster may."""
    seen: dict[str, None] = {}
    while not done.wait(0.5):
        said = subprocess.run(
            ["squeue", "--noheader", "--states=R", "--format=%i"], capture_output=True, text=True
        )
        seen |= dict.fromkeys(said.stdout.split())
        if len(seen) > 5:
            cancelled.append(list(seen)[5])
            subprocess.run(["scancel", cancelled[0]])
            return


def test_slurm_gives_what_one_machine_gives(slurm, tmp_path):
    local, remote = tmp_path / "local", tmp_path / "remote"
    for tree in (local, remote):
        copy_of_repository(tree)
    sh(local, "snakemake", "--cores", "all", *SMOKE)
    done, cancelled = threading.Event(), []
    watch = threading.Thread(target=cancel_one, args=(done, cancelled))
    watch.start()
    try:
        said = sh(remote, "snakemake", "--workflow-profile", "profiles/slurm", *SMOKE)
    finally:
        done.set()
        watch.join()
    assert cancelled and results(remote) == results(local)
    # Tables and figures are not sent away, and cells share jobs.
    assert said.count("has been submitted") < 0.6 * len(results(local)) + 40
    planned = sh(remote, "snakemake", "-n", "--workflow-profile", "profiles/slurm", *SMOKE)
    assert "Nothing to be done" in planned

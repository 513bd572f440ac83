"""Snakemake plans many configurations, each in a fork of one process that has imported it."""

import atexit
import multiprocessing
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
READ = ("Snakefile", "rules", "scripts", "vbd", "params.yaml", "presets")
"""What Snakemake reads, and neither data nor weights."""

FORKS = multiprocessing.get_context("forkserver")
# Their import takes most of a plan's time. The last is what torch imports to try a network.
FORKS.set_forkserver_preload(["snakemake.cli", "vbd.trial.meetings", "torch._dynamo"])


def linked(tree: Path) -> Path:
    """``tree``, a folder, with links to what Snakemake reads."""
    for name in READ:
        (tree / name).symlink_to(ROOT / name)
    return tree


def plan(tree: Path, *options: str) -> tuple[int | None, str]:
    """The exit code of a dry run in ``tree``, and what it said."""
    said = tree / "said.txt"
    arguments = (tree, options, said, dict(os.environ))
    process = FORKS.Process(target=_plan, args=arguments)
    process.start()
    process.join()
    return process.exitcode, said.read_text()


def _plan(tree: Path, options: tuple[str, ...], said: Path, environment: dict[str, str]) -> None:
    from snakemake import cli

    from vbd import trial
    from vbd.trial import verdict

    with said.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(tree)
    # In a process of its own the trial would import everything once more.
    verdict.tried = lambda config, changes: trial.mistakes(config)
    try:
        cli.main(["-n", "-p", "--cores", "1", *options])
    finally:
        sys.stdout.flush()
        # Processes of this kind end without, and there the plan says what is not here.
        atexit._run_exitfuncs()
        sys.stdout.flush()

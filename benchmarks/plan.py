"""What a run would do: the dry run of a configuration, and the commands that it prints."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

Options = dict[str, list[str]]


def dry_run(overlay: Path, *more: str) -> str:
    """What Snakemake says of all steps of params.yaml with ``overlay`` over it, done or not."""
    command = ["snakemake", "-n", "--cores", "all", "--forceall", *more]
    command += ["--configfile", str(overlay)]
    return subprocess.run(
        [sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def commands(said: str) -> Iterator[tuple[str, Options]]:
    """The steps in what a dry run with ``-p`` prints, each with its options, without dashes."""
    for line in said.splitlines():
        _, command, rest = line.partition("python scripts/")
        if command:
            name, *words = shlex.split(rest.partition(" &> ")[0].partition(" 2> ")[0])
            yield name.removesuffix(".py"), _options(words)


def _options(words: list[str]) -> Options:
    options: Options = {}
    # What stands before the first option has no name.
    name = ""
    for word in words:
        if word.startswith("--"):
            options[name := word.removeprefix("--")] = []
        else:
            options.setdefault(name, []).append(word)
    return options

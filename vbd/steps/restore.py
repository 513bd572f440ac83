"""Take up results made elsewhere: after this Snakemake re-runs only what you change.

Run it in a fresh clone and after `git checkout` of another state (in place of `dvc checkout`): it
checks that the results belong to the params and the code that are here, pulls them with DVC, and
tells Snakemake that they are up to date. Without the last step Snakemake, which has no record
of how they were made or an old one, would take old results for new ones after an edit.
"""

import argparse
import json
import subprocess
import sys


def run(*command: str, stdout: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a module of this Python, after saying so; who calls it looks at the return code."""
    print("$", " ".join(command), flush=True)
    command = (sys.executable, "-m", *command)
    return subprocess.run(command, check=False, stdout=stdout, text=True)


def changed() -> list[str]:
    """Params and code that are not those that the results of dvc.lock were made with, by name.

    Ends the program where DVC cannot tell.
    """
    status = run("dvc", "status", "--json", stdout=subprocess.PIPE)
    if status.returncode:
        sys.exit(status.returncode)
    parts = [part for stage in json.loads(status.stdout).values() for part in stage]
    deps = {dep for part in parts if isinstance(part, dict) for dep in part.get("changed deps", ())}
    # Results are dependencies of later stages, and count as changed until they are pulled.
    return sorted(dep for dep in deps if not dep.startswith("results/"))


def main() -> None:
    """Check, pull and take up the results that DVC has; exit with the code of what failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    # Before the pull: results of other params, once here, would pass for those of these.
    if wrong := changed():
        sys.exit(
            f"The results in DVC were made from other params or code: {', '.join(wrong)} changed. "
            "Put your edits aside (git stash), run this, and take them back (git stash pop): then "
            "`snakemake --cores all` makes what they concern. It makes everything without this."
        )
    if code := run("dvc", "pull").returncode:
        sys.exit(code)
    # Now the results count too.
    if run("dvc", "status", "--quiet").returncode:
        sys.exit(
            "dvc.lock is of a run that was cut off: `snakemake --cores all --forceall` mends it."
        )
    touch = ("snakemake", "--touch", "--forceall", "--cores", "1", "--quiet", "all")
    sys.exit(run(*touch).returncode)

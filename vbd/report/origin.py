"""Where the figures of a run come from: seeds, code, versions and the machine, in words."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vbd

_UNKNOWN = "unknown"


def origin(results: Sequence[Mapping[str, Any]], command: str) -> dict[str, str]:
    """Of ``results`` their seeds and provenance, and of this call the commit and the machine.

    ``code`` begins the SHA-256 of the library that made a result; several, where it was edited
    between them. ``command`` is how the run was started.
    """
    made = {key: _each(r["provenance"][key] for r in results) for key in ("vbd", "torch", "device")}
    return {
        "seeds": _each(result["seed"] for result in results),
        "commit": _commit(),
        "code": _each(result["provenance"]["code_sha256"][:12] for result in results),
        **made,
        "machine": _machine(),
        # What a shell takes in several lines would end the line here.
        "command": " ".join(command.split()),
    }


def _each(values: Any) -> str:
    """All values once, in order."""
    return ", ".join(map(str, sorted(set(values))))


def _commit() -> str:
    """The commit of the checkout that runs, "-dirty" behind it where files differ from it."""
    root = Path(vbd.__file__).parents[1]
    # Installed elsewhere, the library may lie in somebody else's repository.
    if not (root / ".git").exists():
        return _UNKNOWN
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return _UNKNOWN
    return said.stdout.strip()


def _machine() -> str:
    """CPU, cores, system and Python: "AMD EPYC, 2 cores, Linux x86_64, Python 3.11.2"."""
    cpu = platform.processor() or "CPU"
    # Linux has the model in a file alone.
    if (told := Path("/proc/cpuinfo")).is_file():
        models = [line for line in told.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].partition(":")[2].strip() if models else cpu
    system = f"{platform.system()} {platform.machine()}"
    return f"{cpu}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"

"""The command ``vbd``: each step of an experiment as a sub-command with arguments of its own."""

import argparse
import ast
import sys
from importlib import import_module
from pathlib import Path

import vbd
from vbd import steps

# What makes sense without the workflow; the others take what Snakemake writes for them.
BY_HAND = ("scan", "vae", "detect", "render", "compare", "restore")


def main() -> None:
    """Run the step that the first argument names on the arguments after it."""
    names = sorted(file.stem for file in _folder().glob("[!_]*.py"))
    workflow = [name for name in names if name not in BY_HAND]
    listed = [
        "by hand:",
        *map(_line, BY_HAND),
        "\nas the workflow calls them (scripts/<step>.py in a checkout):",
        *map(_line, workflow),
        "\nvbd <step> --help explains the arguments of a step.",
    ]
    parser = argparse.ArgumentParser(
        prog="vbd",
        usage="vbd <step> ...",
        description=vbd.__doc__,
        epilog="\n".join(listed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vbd {vbd.__version__}")
    parser.add_argument("step", choices=names, metavar="step", help="one of those below")
    # Only the first: what follows is for the step's own parser.
    step = parser.parse_args(sys.argv[1:2] or ["--help"]).step
    sys.argv[:2] = [f"vbd {step}"]
    # A user's own classes are imported from the current folder, as in the workflow.
    sys.path.insert(0, "")
    import_module(f"vbd.steps.{step}").main()


def _folder() -> Path:
    return Path(steps.__path__[0])


def _line(step: str) -> str:
    """A step and the first sentence of its module, which is not imported for that."""
    text = (_folder() / f"{step}.py").read_text()
    summary = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return f"  {step:14}{summary}"

"""Take up results made elsewhere: after this Snakemake re-runs only what you change.

Run it in a fresh clone: it pulls the results with DVC, checks that they belong to params.yaml, and
tells Snakemake that they are up to date. Without the last step Snakemake, which has no record of how
they were made, would take old results for new ones after an edit.
"""

import argparse
import subprocess
import sys

STEPS = (
    ["dvc", "pull"],
    # Fails where the results are not those of the params and the code that are here.
    ["dvc", "status", "--quiet"],
    ["snakemake", "--touch", "--forceall", "--cores", "1", "--quiet", "all"],
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    for step in STEPS:
        print("$", " ".join(step), flush=True)
        code = subprocess.run([sys.executable, "-m", *step], check=False).returncode
        if code and step[1] == "status":
            sys.exit("These results were made from other params or code: run `dvc repro` instead.")
        if code:
            sys.exit(code)


if __name__ == "__main__":
    main()

"""Job-seconds of the last run by kind of step, and how long another configuration would take.

  python benchmarks/steps.py
  python benchmarks/steps.py --plan presets/full.yaml

The times are those that Snakemake kept of what is in results/. A step that the last run did not
have counts like the mean of its rule; jobs overlap as much as they did then.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=Path, default=Path(".snakemake/metadata"))
    parser.add_argument("--plan", type=Path, help="overlay of params.yaml to estimate the time of")
    args = parser.parse_args()
    done = recorded(args.records)
    print(by_kind(done).to_string(float_format="{:.1f}".format))
    wall = done["end"].max() - done["start"].min()
    print(f"\n{len(done)} jobs, {done['seconds'].sum():.0f} job-seconds in {wall:.0f} s")
    if args.plan:
        todo = planned(args.plan)
        # The same step of any seed, else any step of the rule.
        same = done.groupby("step")["seconds"].mean()
        alike = done.groupby("rule")["seconds"].mean()
        seconds = todo["step"].map(same).fillna(todo["rule"].map(alike))
        for rule in todo.loc[seconds.isna(), "rule"].unique():
            print(f"no time is known of {rule}: left out")
        total = seconds.sum() * wall / done["seconds"].sum()
        print(f"{args.plan}: {len(todo)} jobs, about {total / 60:.0f} minutes")


def recorded(folder: Path) -> pd.DataFrame:
    """One row a job that Snakemake has run here: rule, step, kind, start, end and seconds."""
    rows = {}
    for file in folder.rglob("*"):
        if file.is_file():
            record = json.loads(file.read_text())
            if record["starttime"] and record["log"]:
                rows[record["log"][0]] = (record["rule"], record["starttime"], record["endtime"])
    frame = pd.DataFrame(
        [(*_names(rule, log), start, end) for log, (rule, start, end) in rows.items()],
        columns=["rule", "step", "kind", "start", "end"],
    )
    return frame.assign(seconds=frame["end"] - frame["start"])


def planned(overlay: Path) -> pd.DataFrame:
    """One row a job of a configuration, whether it is done or not: rule, step and kind."""
    command = ["snakemake", "--detailed-summary", "--forceall", "--configfile", str(overlay)]
    said = subprocess.run(
        [sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    rows = csv.DictReader(said.splitlines(), delimiter="\t")
    jobs = {(row["rule"], row["log-file(s)"]) for row in rows if row["log-file(s)"] != "-"}
    return pd.DataFrame([_names(*job) for job in jobs], columns=["rule", "step", "kind"])


def by_kind(done: pd.DataFrame) -> pd.DataFrame:
    """Jobs, seconds in all and of one, for each rule and each kind of step."""
    groups = done.groupby(["rule", "kind"])["seconds"]
    table = groups.agg(jobs="count", total="sum", mean="mean").reset_index()
    order = table.groupby("rule")["total"].transform("sum")
    table = table.assign(order=order).sort_values(["order", "rule", "total"], ascending=False)
    table["of rule"] = table.pop("order")
    return table.set_index(["rule", "kind"])


def _names(rule: str, log: str) -> tuple[str, str, str]:
    """The rule, the step whatever its seed, and its kind: the model, or the defence."""
    parts = Path(re.sub(r"/seed\d+", "", log)).with_suffix("").parts[3:]
    kind = parts[-1] if rule.startswith("defend") else parts[1] if len(parts) > 2 else ""
    return rule, f"{rule} {'/'.join(parts)}", kind


if __name__ == "__main__":
    main()

"""Job-seconds of the last run by kind of step, and how long another configuration would take.

  python benchmarks/steps.py
  python benchmarks/steps.py --plan presets/full.yaml

The times are those that Snakemake kept of what is in results/. A planned step counts like the mean
of its rule; jobs overlap as much as they did then.
"""

import argparse
import json
import re
from pathlib import Path

import pandas as pd
from plan import dry_run


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
        mean = done.groupby("rule")["seconds"].mean()
        if unknown := sorted(set(todo) - set(mean.index)):
            print(f"left out, as no time is known: {', '.join(unknown)}")
        seconds = sum(count * mean.get(rule, 0.0) for rule, count in todo.items())
        minutes = seconds * wall / done["seconds"].sum() / 60
        print(f"{args.plan}: {sum(todo.values())} jobs, about {minutes:.0f} minutes")


def recorded(folder: Path) -> pd.DataFrame:
    """One row a job that Snakemake has run here: rule, kind, start, end and seconds."""
    rows = {}
    for file in folder.rglob("*"):
        if file.is_file():
            record = json.loads(file.read_text())
            if record["starttime"] and record["log"]:
                rows[record["log"][0]] = (record["rule"], record["starttime"], record["endtime"])
    frame = pd.DataFrame(
        [(rule, _kind(rule, log), start, end) for log, (rule, start, end) in rows.items()],
        columns=["rule", "kind", "start", "end"],
    )
    return frame.assign(seconds=frame["end"] - frame["start"])


def planned(overlay: Path) -> dict[str, int]:
    """The number of jobs of each rule in a configuration, whether they are done or not."""
    # The last table that it prints: a line a rule, then their sum.
    lines = dry_run(overlay).rsplit("Job stats:", 1)[1].strip().splitlines()[2:]
    counts = dict(line.split() for line in lines[: [*map(len, lines), 0].index(0)])
    return {rule: int(count) for rule, count in counts.items() if rule not in ("all", "total")}


def by_kind(done: pd.DataFrame) -> pd.DataFrame:
    """Jobs, seconds in all and of one, for each rule and each kind of step."""
    groups = done.groupby(["rule", "kind"])["seconds"]
    table = groups.agg(jobs="count", total="sum", mean="mean").reset_index()
    order = table.groupby("rule")["total"].transform("sum")
    table = table.assign(order=order).sort_values(["order", "rule", "total"], ascending=False)
    table["of rule"] = table.pop("order")
    return table.set_index(["rule", "kind"])


def _kind(rule: str, log: str) -> str:
    """The defence of a step that defends, else its model; nothing where it has neither."""
    parts = Path(re.sub(r"/seed\d+", "", log)).with_suffix("").parts[3:]
    if rule.startswith("defend"):
        return parts[-1]
    return parts[1] if len(parts) > 2 else ""


if __name__ == "__main__":
    main()

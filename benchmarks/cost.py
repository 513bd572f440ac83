"""What a configuration costs on paper: GPU hours, disk and memory, counted and not measured.

  python benchmarks/cost.py presets/paper_ucf101.yaml presets/paper_hmdb51.yaml

The steps are those of a dry run. The operations of a network are those of a clip's forward pass,
which is counted without computing it, times the passes that a step makes (``passes.py``). Hours are
what these take at a throughput that is assumed: nothing was timed, and what decodes, cuts and
triggers clips on CPUs is not in them. Clips are those that are there, or the published numbers.
"""

import argparse
import json
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import plan
import yaml
from operations import Network, generator, network
from passes import SEARCHED, TRAINED, Case, Clips, of_defense, of_method
from snakemake.utils import update_config
from tabulate import tabulate

from vbd.checking import check
from vbd.data.size import sides
from vbd.data.sound import RATE
from vbd.defenses.reconstruction import reconstruct
from vbd.sections.data import Dataset
from vbd.sections.method import Defense
from vbd.sections.model import Training
from vbd.sections.theft import Transfer
from vbd.trial.cells import Cells

# Classes, training and test clips: the first official split; of Kinetics those of 400 classes.
PUBLIC = {
    "ucf101": (101, 9537, 3783),
    "hmdb51": (51, 3570, 1530),
    "kinetics": (400, 246_245, 20_000),
}
# Bytes of a number: weights, and what bfloat16 keeps for the way back.
WHOLE, HALF = 4, 2
KINDS = ("training", "tests", "defences", "thefts")
# Each behind what it starts from.
STEPS = ("stamp", "sounds", "train", "optimise", "embed", "query", "steal", "defend")
UNCOUNTED = ("vae", "encode")


class Victim(NamedTuple):
    """What of a trained model others need: its network, and the case that a defence meets."""

    network: Network
    case: Case
    dataset: Dataset


class Bill:
    """What the steps of a plan take: operations by kind, bytes on disk, read, and on a GPU.

    ``clips`` and ``classes``: how many times more of them there are than there are.
    """

    def __init__(self, cells: Cells, *, clips: float = 1, classes: float = 1) -> None:
        self.cells, self.more = cells, (clips, classes)
        self.operations: Counter[str] = Counter()
        self.disk = self.read = self.memory = 0.0
        self.victims: dict[str, Victim] = {}
        # Of what a victim was asked, the share that is in the transfer set.
        self.kept: dict[str, float] = {}
        # How many victims are attacked, and what they and their defences take.
        self.attacks, self.attacked = 0, 0.0
        self.unknown: set[str] = set()
        for name in (*cells.learnt, *cells.pools):
            self.disk += self._store(name)

    def add(self, steps: list[tuple[str, plan.Options]]) -> "Bill":
        """Add the ``steps`` of a plan."""
        self.unknown |= {step for step, _ in steps if step in UNCOUNTED}
        for step, options in sorted(
            (found for found in steps if found[0] in STEPS), key=lambda one: STEPS.index(one[0])
        ):
            before = self.operations.total()
            getattr(self, step)(options)
            victim = self.victims.get(*options.get("victim", options.get("result", [""])))
            if step in ("train", "embed", "defend") and victim and victim.case.attacked:
                self.attacks += step == "train"
                self.attacked += self.operations.total() - before
        return self

    def train(self, options: plan.Options) -> None:
        """A victim, clean or attacked, or what is pretrained: its training and its test."""
        params = json.loads(options["params"][0])
        attack, cut = params.get("attack"), params["evaluation"]
        dataset, how = Dataset(**params["dataset"]), Training(**params["training"])
        # Of sound there are no crops.
        heard = params["model"]["modality"] == "audio"
        case = Case(
            self.clips_of(options["dataset"][0]),
            epochs=how.epochs,
            views=cut["views"],
            crops=1 if heard else cut["crops"],
            attacked=attack is not None,
        )
        victim = Victim(self._network(params, dataset, case), case, dataset)
        self.victims[options["result"][0]] = victim
        self._fit(victim.network, case.clips.train, how, "training")
        tests = case.tested
        if attack is not None:
            times = len(cut.get("frames", ())) + len(attack["also"])
            tests += times * case.windows * case.clips.triggered
            if video := cut.get("video"):
                tests += video["views"] * video["crops"] * case.clips.triggered
        self.operations["tests"] += victim.network.forward * tests
        if not heard:
            seen = case.clips.train * how.epochs + tests / case.crops
            self.read += seen * _bytes(dataset, dataset.store)

    def defend(self, options: plan.Options) -> None:
        """A defence, and the test of what it leaves."""
        victim = self.victims[options["victim"][0]]
        section = Defense(**json.loads(options["params"][0])["defense"])
        found = of_defense(section, victim.case)
        if found is None:
            self.unknown.add(section.defense)
        self.operations["defences"] += victim.network.forward * (found or 0)

    def optimise(self, options: plan.Options) -> None:
        """The search for the trigger of the optimised attack."""
        victim = self.victims[str(Path(options["model"][0]).with_name("result.json"))]
        how: dict[str, Any] = reconstruct.__kwdefaults__
        passes = SEARCHED * how["rounds"] * how["steps"] * how["batch_size"]
        self.operations["training"] += victim.network.forward * passes

    def embed(self, options: plan.Options) -> None:
        """A victim's features of all clips, for fusion."""
        victim = self.victims[options["victim"][0]]
        case = victim.case
        windows = case.tested + case.windows * (case.clips.train + case.clips.val)
        self.operations["tests"] += victim.network.forward * windows

    def query(self, options: plan.Options) -> None:
        """A transfer set: what the victim answers, and what is trained while it is asked."""
        victim = self.victims[options["victim"][0]]
        params = json.loads(options["params"][0])
        section, how = Transfer(**params["transfer"]), Training(**params.get("training", {}))
        asked = of_method(section, how.epochs)
        if asked is None:
            self.unknown.add(section.method)
            return
        honest = victim.case.clips.test * victim.dataset.views
        done = victim.network.forward * (section.budget + asked.victim + honest)
        if asked.clone:
            done += asked.clone * self._network(params, victim.dataset, victim.case).forward
        if asked.generator:
            done += asked.generator * generator(section, victim.dataset).forward
        self.operations["thefts"] += done
        self.kept[options["result"][0]] = asked.kept / section.budget
        if asked.pixels:
            self.disk += asked.kept * _bytes(victim.dataset, sides(victim.dataset.crop))

    def steal(self, options: plan.Options) -> None:
        """A clone of the first so many answers, and its comparison with the victim."""
        victim = self.victims[options["victim"][0]]
        params, case = json.loads(options["params"][0]), victim.case
        clone, how = self._network(params, victim.dataset, case), Training(**params["training"])
        known = int(options["budget"][0]) * self.kept.get(options["transfer"][0], 1)
        self._fit(clone, known, how, "thefts")
        # Both once more for their agreement, and the control of an attacked one.
        again = case.windows * case.clips.test
        tests = clone.forward * (case.tested * (1 + case.attacked) + again)
        self.operations["tests"] += tests + victim.network.forward * again
        self.victims[options["result"][0]] = victim._replace(network=clone)

    def stamp(self, options: plan.Options) -> None:
        """All clips of a dataset once more, with a trigger."""
        self.disk += self._store(Path(options["clips"][0]).parent.name)

    def sounds(self, options: plan.Options) -> None:
        """The sound of all clips."""
        name = Path(options["clips"][0]).parent.name
        section = self.cells.config.datasets[name]
        samples = section.views * section.sound_seconds * RATE
        self.disk += self.clips_of(name).all * samples * WHOLE

    def clips_of(self, name: str) -> Clips:
        """The clips of a dataset: those that are there, else as it is published."""
        rows, section = self.cells.rows.get(name), self.cells.config.datasets[name]
        if isinstance(rows, pd.DataFrame):
            counts = rows["split"].value_counts()
            found = (rows["label"].max() + 1, *(counts.get(s, 0) for s in ("train", "val", "test")))
        else:
            found = _published(section)
        clips, classes = self.more
        return Clips(classes * found[0], *(clips * classes * count for count in found[1:]))

    def _fit(self, net: Network, clips: float, how: Training, kind: str) -> None:
        self.operations[kind] += TRAINED * net.forward * clips * how.epochs
        # Weights, their gradients, and one or two numbers more of the optimiser.
        states = 2 + (1 if how.optimizer == "sgd" else 2)
        if how.epochs:
            taken = WHOLE * states * net.weights + HALF * how.batch_size * net.kept
            self.memory = max(self.memory, taken)
        # The model, and the state from which a run goes on.
        self.disk += 2 * WHOLE * net.weights

    def _network(self, params: dict[str, Any], dataset: Dataset, case: Case) -> Network:
        # Of twice the classes a head is larger, which is next to nothing.
        classes = round(case.clips.classes / self.more[1])
        return network(json.dumps(params["model"]), dataset.model_dump_json(), classes)

    def _store(self, name: str) -> float:
        section = self.cells.config.datasets[name]
        return self.clips_of(name).all * section.views * _bytes(section, section.store)


def _published(section: Dataset) -> tuple[float, float, float, float]:
    """Classes and clips of each split of a public dataset that is not here."""
    if section.reader not in PUBLIC:
        raise SystemExit(f"{section.root} is not here, and no number of its clips is known")
    every, *counts = PUBLIC[section.reader]
    chosen = section.classes
    classes = every if chosen is None else chosen if isinstance(chosen, int) else len(chosen)
    most = [section.clips_per_class.get(part, float("inf")) for part in ("train", "test")]
    train, test = (classes * min(n / every, m) for n, m in zip(counts, most, strict=True))
    return classes, (1 - section.val) * train, section.val * train, test


def _bytes(section: Dataset, size: tuple[int, int]) -> int:
    return section.frames * prod(size) * 3


def row(overlay: Path, speed: float) -> dict[str, Any]:
    """The cost of params.yaml with ``overlay`` over it, at ``speed`` operations a second."""
    values = yaml.safe_load(Path("params.yaml").read_text())
    update_config(values, yaml.safe_load(overlay.read_text()))
    cells, steps = Cells(check(values)), list(plan.commands(plan.dry_run(overlay, "-p")))
    bill, clips, classes = (
        Bill(cells, **more).add(steps) for more in ({}, {"clips": 2}, {"classes": 2})
    )
    if bill.unknown:
        print(f"{overlay}: left out, as nobody has counted it: {', '.join(sorted(bill.unknown))}")
    hour = 3600 * speed
    found = {"preset": overlay.stem, "GPU hours": bill.operations.total() / hour}
    found |= {kind: bill.operations[kind] / hour for kind in KINDS}
    found["an attack"] = bill.attacked / bill.attacks / hour if bill.attacks else None
    for name, other in (("clips", clips), ("classes", classes)):
        found[f"2 x {name}"] = other.operations.total() / hour
    found |= {"disk, TB": bill.disk / 1e12, "read, TB": bill.read / 1e12}
    return found | {"GPU memory, GB": bill.memory / 1e9}


def shown(value: object) -> object:
    """A number with two decimals, of ten or more without."""
    if not isinstance(value, float):
        return value
    return f"{value:.0f}" if value >= 9.995 else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overlays", type=Path, nargs="+", help="presets, such as paper_ucf101.yaml")
    peak = "the accelerator's peak, in 10^12 operations a second: an A100's in bfloat16"
    parser.add_argument("--peak", type=float, default=312, help=f"{peak} (%(default)s)")
    share = "the share of it that is kept up, an assumption"
    parser.add_argument("--share", type=float, default=0.25, help=f"{share} (%(default)s)")
    args = parser.parse_args()
    speed = 1e12 * args.peak * args.share
    rows = [
        {name: shown(value) for name, value in row(overlay, speed).items()}
        for overlay in args.overlays
    ]
    print(tabulate(rows, headers="keys", tablefmt="github", missingval="-", disable_numparse=True))


if __name__ == "__main__":
    main()

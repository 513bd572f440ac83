# Helpers of the rules: the checked configuration, the cells that it names, the targets.
import json
import shutil
import sys
from itertools import product
from pathlib import Path

from snakemake.exceptions import WorkflowError

# This folder comes first: its own vbd, and a user's own classes.
sys.path.insert(0, "")
from vbd.config import ConfigError, check

# Steps run with the Python that runs Snakemake, also where its environment is not activated.
shell.prefix(
    f'export PATH="{Path(sys.executable).parent}:$PATH" PYTHONPATH="$PWD:${{{{PYTHONPATH:-}}}}"; '
    "set -euo pipefail; "
)


wildcard_constraints:
    dataset="[a-z0-9_]+",
    model="[a-z0-9_]+",
    attack="[a-z0-9_]+",
    mode="[a-z0-9_]+",
    defense="[a-z0-9_]+",
    seed="[0-9]+",


try:
    CONFIG = check(config)
except ConfigError as error:
    raise WorkflowError(str(error))


def section(*path, without=()):
    """The checked section at path as JSON; what it leaves out does not re-run the step."""
    part = CONFIG
    for name in path:
        part = part[name] if isinstance(part, dict) else getattr(part, name)
    return json.loads(part.model_dump_json(exclude=set(without)))


def step_params(wc, **sections):
    """What training a victim gets as --params; Snakemake re-runs the step when it changes."""
    sections["dataset"] = section("datasets", wc.dataset)
    sections["model"] = section("models", wc.model, without=["init"])
    sections["evaluation"] = section("evaluation")
    return json.dumps(sections)


# Snakemake counts GPUs, vbd picks one; where there is none no step may wait for it.
GPU = int(shutil.which("nvidia-smi") is not None)

# The cells -------------------------------------------------------------------------------------


def cells(*kinds):
    """Every combination of the kinds (datasets, models, attacks, defenses) in the grid, once."""
    found = {}
    for block in CONFIG.grid:
        for cell in product(*(getattr(block, kind) for kind in kinds)):
            found[cell] = None
    return list(found)


def attack_cells(*more):
    """(dataset, model, attack, mode, ...) of every attack in the grid."""
    return [
        (dataset, model, attack, mode, *rest)
        for dataset, model, attack, *rest in cells(
            "datasets", "models", "attacks", *more
        )
        for mode in CONFIG.attacks[attack].modes
    ]


def seeded(pattern, cells):
    """The pattern filled in with the parts of each cell and each seed."""
    return [pattern.format(*cell, seed=seed) for cell in cells for seed in CONFIG.seeds]


def clips_of(dataset):
    """The clip store of a dataset."""
    return f"results/data/{dataset}/clips.npy"


# The targets of the phases ---------------------------------------------------------------------


def data_files():
    """The clip store of every dataset that the grid or the pretraining uses."""
    names = {dataset for (dataset,) in cells("datasets")}
    if "pretrain" in {CONFIG.models[model].init for (model,) in cells("models")}:
        names.add(CONFIG.pretraining.dataset)
    return [clips_of(name) for name in sorted(names)]


def baselines(dataset=None, model=None):
    """Results of the clean models, of one dataset and model or of all."""
    pattern = "results/models/{}/{}/seed{seed}/result.json"
    return seeded(pattern, only(cells("datasets", "models"), dataset, model))


def attacked(dataset=None, model=None):
    """Results of the attacked models."""
    pattern = "results/attacks/{}/{}/{}/{}/seed{seed}/result.json"
    return seeded(pattern, only(attack_cells(), dataset, model))


def victims(*which):
    """Results of the clean and attacked models."""
    return baselines(*which) + attacked(*which)


def defended(dataset=None):
    """Results of the defences, each on each attacked model."""
    pattern = "results/defenses/{}/{}/{}/{}/{}/seed{seed}/result.json"
    return seeded(pattern, only(attack_cells("defenses"), dataset))


def only(cells, *wanted):
    """The cells that begin with what is wanted, None standing for anything."""
    return [c for c in cells if all(w in (None, part) for w, part in zip(wanted, c))]


def gallery_attacks(dataset):
    """The attacks that the grid has on a dataset."""
    return list(dict.fromkeys(cell[2] for cell in only(attack_cells(), dataset)))


def report_files():
    """Tables and figures of every dataset in the grid."""
    names = [f"{d}/figures/curves_{m}.png" for d, m in cells("datasets", "models")]
    for (dataset,) in cells("datasets"):
        names += [f"{dataset}/metrics.json", f"{dataset}/tables/attacks.csv"]
        if gallery_attacks(dataset):
            names.append(f"{dataset}/figures/gallery.png")
        if defended(dataset):
            names.append(f"{dataset}/tables/detections.csv")
    return [f"results/report/{name}" for name in names]

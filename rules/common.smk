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
    frames="[0-9]+|random",
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


def attack_params(wc, **changed):
    """What training an attacked model gets, with what an ablation changes in the attack."""
    attack = section("attacks", wc.attack, without=["modes"]) | changed
    params = json.loads(step_params(wc, training=section("training"), attack=attack))
    params["evaluation"]["frames"] = tested_frames(wc)
    return json.dumps(params)


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
    """(dataset, model, attack, mode, ...) of every attack in the grid, once."""
    found = {}
    for block in CONFIG.grid:
        kinds = ("datasets", "models", "attacks", *more)
        for dataset, model, attack, *rest in product(
            *(getattr(block, kind) for kind in kinds)
        ):
            for mode in CONFIG.attacks[attack].modes:
                if block.modes is None or mode in block.modes:
                    found[dataset, model, attack, mode, *rest] = None
    return list(found)


def ablation_cells():
    """(dataset, model, attack, mode, frames) of the victims trained on fewer poisoned frames."""
    return [
        cell
        for cell in attack_cells("frames")
        # On all its frames a clip is poisoned in the attack itself.
        if cell[-1] != CONFIG.datasets[cell[0]].frames
    ]


def tested_frames(wc):
    """The numbers of poisoned frames that a victim is tested on besides."""
    cell = (wc.dataset, wc.model, wc.attack, wc.mode)
    counts = {count for *same, count in attack_cells("frames") if tuple(same) == cell}
    return sorted(counts - {"random"})


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


def ablated(dataset=None, model=None):
    """Results of the victims trained on fewer poisoned frames."""
    pattern = "results/attacks/{}/{}/{}/{}/frames{}/seed{seed}/result.json"
    return seeded(pattern, only(ablation_cells(), dataset, model))


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


def attacks_on(dataset):
    """The attacks that the grid has on a dataset."""
    return list(dict.fromkeys(cell[2] for cell in only(attack_cells(), dataset)))


def tables(dataset):
    """The tables that the results of a dataset fill."""
    modes = {"static": "table1_static", "dynamic": "table2_dynamic"}
    modes["natural"] = "table3_natural"
    used = only(attack_cells(), dataset)
    there = {cell[3] for cell in used}
    names = ["attacks", *(table for mode, table in modes.items() if mode in there)]
    if len({cell[1] for cell in used}) > 1:
        names.append("table4_architectures")
    if defenses_of(dataset, "activation_clustering"):
        names.append("table5_activation_clustering")
    if used:
        names.append("stealth")
    return [*names, "defenses"] if defended(dataset) else names


def plots(dataset):
    """The figures that the results of a dataset fill, by name."""
    models = {model for _, model in only(cells("datasets", "models"), dataset)}
    names = [f"curves_{model}" for model in models]
    if attacked(dataset):
        names.append("figure3_gallery")
    names += [f"figure4_frames_{model}" for model in models if ablated(dataset, model)]
    if defenses_of(dataset, "strip"):
        names.append("figure5_strip")
    if defenses_of(dataset, "fine_pruning"):
        names.append("figure6_pruning")
    return [*names, "defenses"] if defended(dataset) else names


def defenses_of(dataset, method):
    """Results of the defences that use a method, on each attacked model of a dataset."""
    pattern = "results/defenses/{}/{}/{}/{}/{}/seed{seed}/result.json"
    every = only(attack_cells("defenses"), dataset)
    return seeded(
        pattern, [cell for cell in every if CONFIG.defenses[cell[4]].defense == method]
    )


def report_files():
    """Tables and figures of every dataset in the grid."""
    names = []
    for (dataset,) in cells("datasets"):
        names.append(f"{dataset}/metrics.json")
        names += [f"{dataset}/tables/{table}.csv" for table in tables(dataset)]
        names += [f"{dataset}/figures/{plot}.png" for plot in plots(dataset)]
    return [f"results/report/{name}" for name in names]

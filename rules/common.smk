# Helpers of the rules: the checked configuration, the code that a step runs, the cells.
import ast
import importlib.util
import json
import shutil
import sys
from itertools import product
from pathlib import Path

from snakemake.exceptions import WorkflowError
from vbd.config import ConfigError, check

# Steps run with the Python that runs Snakemake, also where its environment is not activated.
# A user's own trigger or model is imported from the folder of the workflow.
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


sys.path.insert(0, "")
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


# The code that a step runs ---------------------------------------------------------------------


def code(script, *methods):
    """The script, the method files and every module of vbd that they import, directly or not.

    Snakemake does not see edits to imported modules: as inputs it compares them by checksum.
    """
    todo, found = [script, *methods], set()
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += [str(path) for path in imported(ast.parse(Path(file).read_text()))]
    return sorted(found)


def imported(tree):
    """Files of vbd that the syntax tree imports, the __init__ files above them included."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [
                node.module,
                *(f"{node.module}.{alias.name}" for alias in node.names),
            ]
        for name in names:
            parts = name.split(".")
            if parts[0] == "vbd":
                stems = [Path(*parts[: i + 1]) for i in range(len(parts))]
                files = [s / "__init__.py" for s in stems] + [
                    stems[-1].with_suffix(".py")
                ]
                yield from (file for file in files if file.exists())


def method(package, name):
    """The file of a method by its name, or of a user's own class, "package.module:Class"."""
    package_name, _, attribute = name.partition(":")
    if not attribute:
        path = f"vbd/{package}/{name}.py"
        if Path(path).exists():
            return path
        raise WorkflowError(
            f"params.yaml: {path} does not exist: vbd.{package} has no {name!r}"
        )
    spec = importlib.util.find_spec(package_name)
    if spec is None:
        raise WorkflowError(
            f"params.yaml: {name!r}: no module {package_name!r} to import from here"
        )
    return spec.origin


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


# The inputs of the rules -----------------------------------------------------------------------


def weights(wc):
    """The file that a victim starts from: none for "scratch"."""
    init = CONFIG.models[wc.model].init
    if init == "pretrain":
        source = CONFIG.pretraining.dataset
        return f"results/models/{source}/{wc.model}/pretrained/model.safetensors"
    return [] if init == "scratch" else init


def model_code(wc):
    """The file of the architecture."""
    return method("models", CONFIG.models[wc.model].architecture)


def trigger_code(wc):
    """The file of the trigger."""
    return method("triggers", CONFIG.attacks[wc.attack].trigger)


def defense_code(wc):
    """The file of the defence."""
    return method("defenses", CONFIG.defenses[wc.defense].defense)


def reader_code(wc):
    """What decoding a dataset runs: the embedded clips lie in UCF-101's layout."""
    reader = CONFIG.datasets[wc.dataset].reader
    name = "ucf101" if reader == "synthetic" else reader
    return code("scripts/decode.py", f"vbd/data/{name}.py")


def videos(wc):
    """The folder of a dataset's files; with it its sub-folders, which change with the clips."""
    dataset = CONFIG.datasets[wc.dataset]
    if dataset.reader == "synthetic":
        return [f"results/data/{wc.dataset}/videos"]
    root = Path(dataset.root)
    if not root.is_dir():
        raise WorkflowError(
            f"params.yaml: datasets.{wc.dataset}.root: there is no folder {root}. Put the "
            f"{dataset.reader} clips there, link them there (ln -s), or change the key."
        )
    return [
        root,
        *(path for path in sorted(root.glob("*/")) + sorted(root.glob("*/*/"))),
    ]


def table_results(wc):
    """The results that a table is made from."""
    return victims(wc.dataset) if wc.table == "attacks" else defended(wc.dataset)


def published_dataset(dataset):
    """The dataset of the paper whose figures stand beside ours."""
    return "hmdb51" if CONFIG.datasets[dataset].reader == "hmdb51" else "ucf101"


def gallery_attacks(dataset):
    """The attacks that the grid has on a dataset."""
    return list(dict.fromkeys(cell[2] for cell in only(attack_cells(), dataset)))


def gallery_params(wc):
    """The sections that the gallery needs."""
    attacks = {name: section("attacks", name) for name in gallery_attacks(wc.dataset)}
    return json.dumps({"dataset": section("datasets", wc.dataset), "attacks": attacks})


def gallery_code(wc):
    """The gallery's code, every trigger in it included."""
    triggers = [CONFIG.attacks[name].trigger for name in gallery_attacks(wc.dataset)]
    return code("scripts/gallery.py", *(method("triggers", name) for name in triggers))

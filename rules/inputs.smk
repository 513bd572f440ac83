# What the rules take in: the code that a step runs, and the files of its cell.
import ast
import importlib.util
from functools import cache

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
            todo += imported(file)
    return sorted(found)


@cache
def imported(file):
    """Files of vbd that a file imports, the __init__ files above them included."""
    found = []
    for node in ast.walk(ast.parse(Path(file).read_text())):
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
                found += [str(file) for file in files if file.exists()]
    return found


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
    try:
        return importlib.util.find_spec(package_name).origin
    except (AttributeError, ModuleNotFoundError):
        raise WorkflowError(
            f"params.yaml: {name!r}: there is no module {package_name!r} to import from here"
        )


# The inputs of the rules -----------------------------------------------------------------------


def clips(wc):
    """What the model of a step takes in: the frames of the clip store, or its sound."""
    kind = "sound" if is_heard(wc.model) else "clips"
    return file_of("data", f"{kind}.npy", dataset=wc.dataset)


def weights(wc):
    """The file that a victim starts from: none for "scratch"."""
    if optimised(wc):
        # The trigger was searched on the clean model, so that is what learns it.
        return file_of("baseline", "model.safetensors", **dict(wc.items()))
    init = CONFIG.models[wc.model].init
    if init == "pretrain":
        values = {"dataset": CONFIG.pretraining.dataset, "model": wc.model}
        return file_of("pretrained", "model.safetensors", **values)
    return [] if init == "scratch" else init


def triggered(wc):
    """The clips with the trigger, of an attack that keeps them on disk."""
    if not CONFIG.attacks[wc.attack].stored:
        return []
    return file_of("stored", **dict(wc.items()))


def is_searched(attack):
    """Whether the trigger of an attack has to be searched on the clean model."""
    section = CONFIG.attacks[attack]
    return section.trigger == "optimised" and "path" not in section.params


def optimised(wc):
    """The trigger that was searched for the model and the seed of a step, where one is."""
    if "attack" not in wc.keys() or not is_searched(wc.attack):
        return []
    return file_of("searched", **dict(wc.items()))


def frames(wc):
    """The number of poisoned frames in an ablation's path."""
    return int(wc.frames) if wc.frames.isdigit() else wc.frames


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
        return [file_of("data", "videos", dataset=wc.dataset)]
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


def embedded(wc, modality):
    """The embeddings of the victims on one side of a pair, the clean one first."""
    block = fusion_cells()[wc.dataset, wc.video, wc.audio, int(wc.seed)]
    model = getattr(block, modality)
    modes = ["audio"] if modality == "audio" else block.modes
    every = only(attack_cells(), wc.dataset, model)
    chosen = [c for c in every if c[3] in modes and c[4] == int(wc.seed)]
    clean = [(wc.dataset, model, wc.seed)]
    return files("clean_embedding", None, clean) + files("embedding", None, chosen)


# What a report is made from -----------------------------------------------------------------------


def published_dataset(wc):
    """The dataset of the paper whose figures stand beside ours."""
    stated = TABLES[wc.table].published
    readers = {"hmdb51": "hmdb51", "kinetics": "kinetics_sounds"}
    return stated or readers.get(CONFIG.datasets[wc.dataset].reader, "ucf101")


def figure_results(wc):
    """The results that a figure is made from."""
    _, entry, model = figures_of(wc.dataset)[wc.figure]
    return made_from(entry, wc.dataset, model)


def figure_code(wc):
    """A figure's code: of the figures, what draws it alone."""
    _, entry, _ = figures_of(wc.dataset)[wc.figure]
    return code("scripts/figure.py", entry.file)


def figure_labels(wc):
    """What Snakemake's report lists a figure under."""
    _, entry, model = figures_of(wc.dataset)[wc.figure]
    return {"dataset": wc.dataset, "figure": entry.title.format(model=model)}


def caption(wc):
    """What stands below a figure in Snakemake's report."""
    _, entry, model = figures_of(wc.dataset)[wc.figure]
    return entry.caption.format(dataset=wc.dataset, model=model)


def trigger_params(wc, *modalities):
    """The sections of a dataset and of every attack on it."""
    # How many clips carry a trigger, and under which label, changes nothing in what it does.
    without = ["rate", "target", "stored"]
    attacks = {
        name: section("attacks", name, without=without)
        for modality in modalities
        for name in attacks_on(wc.dataset, modality)
    }
    for name, path in shown_triggers(wc.dataset).items():
        if name in attacks:
            attacks[name]["params"]["path"] = path
    return json.dumps({"dataset": section("datasets", wc.dataset), "attacks": attacks})


def shown_triggers(dataset):
    """The files of the triggers that were searched, by attack: of the first model and seed."""
    return {
        attack: files("searched", None, [(dataset, model, attack, seed)])[0]
        for _, model, attack, _, seed in reversed(only(attack_cells(), dataset))
        if is_searched(attack)
    }


def trigger_codes(wc, script, *modalities):
    """A script's code and that of every trigger used on a dataset."""
    names = [name for kind in modalities for name in attacks_on(wc.dataset, kind)]
    return code(
        script, *(method("triggers", CONFIG.attacks[name].trigger) for name in names)
    )

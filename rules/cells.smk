# The cells that params.yaml names, and the files that they make.
from itertools import product


def cells(*kinds):
    """Every combination of the kinds (datasets, models ...) in the grid and a seed, once."""
    found = {}
    for block in CONFIG.grid:
        parts = [getattr(block, kind) for kind in kinds]
        for cell in product(*parts, block.seeds or CONFIG.seeds):
            found[cell] = None
    return list(found)


def attack_cells(*more):
    """(dataset, model, attack, mode, ..., seed) of every attack in the grid, once."""
    found = {}
    for block in CONFIG.grid:
        parts = [getattr(block, kind) for kind in ("datasets", "models", "attacks")]
        rest = [*(getattr(block, kind) for kind in more), block.seeds or CONFIG.seeds]
        for *cell, attack in product(*parts):
            for mode in CONFIG.attacks[attack].modes:
                if block.modes is None or mode in block.modes:
                    found |= {(*cell, attack, mode, *r): None for r in product(*rest)}
    return list(found)


def ablation_cells():
    """(dataset, model, attack, mode, frames, seed) of those trained on fewer poisoned frames."""
    return [
        cell
        for cell in attack_cells("frames")
        # On all its frames a clip is poisoned in the attack itself.
        if cell[4] != CONFIG.datasets[cell[0]].frames
    ]


def tested_frames(wc):
    """The numbers of poisoned frames that a victim is tested on besides."""
    cell = (wc.dataset, wc.model, wc.attack, wc.mode)
    counts = {found[4] for found in attack_cells("frames") if found[:4] == cell}
    return sorted(counts - {"random"})


def fusion_cells():
    """(dataset, video model, audio model, seed) of every pair that is fused, once."""
    found = {}
    for block in CONFIG.fusion:
        for dataset in block.datasets:
            seeds = only(cells("datasets", "models"), dataset, block.video)
            heard = only(cells("datasets", "models"), dataset, block.audio)
            for *_, seed in seeds:
                if (dataset, block.audio, seed) in heard:
                    found[dataset, block.video, block.audio, seed] = block
    return found


def results_of(pattern, cells):
    """The paths of the results of cells."""
    return [pattern.format(*cell) for cell in cells]


def datasets():
    """The datasets in the grid."""
    return list(dict.fromkeys(dataset for dataset, _ in cells("datasets")))


def clips_of(dataset):
    """The clip store of a dataset."""
    return f"results/data/{dataset}/clips.npy"


def is_heard(model):
    """Whether a model takes in sound."""
    return CONFIG.models[model].modality == "audio"


# The targets of the phases ---------------------------------------------------------------------


def data_files():
    """The clip store of every dataset that the grid or the pretraining uses."""
    names = set(datasets())
    if "pretrain" in {CONFIG.models[model].init for model, _ in cells("models")}:
        names.add(CONFIG.pretraining.dataset)
    sounds = {d for d, model, _ in cells("datasets", "models") if is_heard(model)}
    return [clips_of(name) for name in sorted(names)] + [
        f"results/data/{name}/sound.npy" for name in sorted(sounds)
    ]


def baselines(dataset=None, model=None):
    """Results of the clean models, of one dataset and model or of all."""
    pattern = "results/models/{}/{}/seed{}/result.json"
    return results_of(pattern, only(cells("datasets", "models"), dataset, model))


def attacked(dataset=None, model=None, mode=None):
    """Results of the attacked models."""
    pattern = "results/attacks/{}/{}/{}/{}/seed{}/result.json"
    return results_of(pattern, only(attack_cells(), dataset, model, None, mode))


def ablated(dataset=None, model=None):
    """Results of the victims trained on fewer poisoned frames."""
    pattern = "results/attacks/{}/{}/{}/{}/frames{}/seed{}/result.json"
    return results_of(pattern, only(ablation_cells(), dataset, model))


def victims(*which):
    """Results of the clean and attacked models."""
    return baselines(*which) + attacked(*which)


def defended(dataset=None):
    """Results of the defences, each on each attacked model."""
    pattern = "results/defenses/{}/{}/{}/{}/{}/seed{}/result.json"
    return results_of(pattern, only(attack_cells("defenses"), dataset))


def scanned(dataset=None):
    """Results of the defences that look for a backdoor, on each clean model."""
    pattern = "results/defenses/{}/{}/clean/{}/seed{}/result.json"
    every = only(cells("datasets", "models", "defenses"), dataset)
    return results_of(
        pattern, [cell for cell in every if uses(cell[2], "neural_cleanse")]
    )


def cleansed(dataset):
    """Results of the victims, clean and attacked, that Neural Cleanse is run on."""
    every = {
        "results/models/{}/{}/seed{}/result.json": cells(
            "datasets", "models", "defenses"
        ),
        "results/attacks/{}/{}/{}/{}/seed{}/result.json": attack_cells("defenses"),
    }
    paths = [
        pattern.format(*cell, seed)
        for pattern, some in every.items()
        for *cell, name, seed in only(some, dataset)
        if uses(name, "neural_cleanse")
    ]
    return list(dict.fromkeys(paths))


def uses(defense, method):
    """Whether a defence, by the name that params.yaml gives it, is of a method."""
    return CONFIG.defenses[defense].defense == method


def fused(dataset=None):
    """The folders of the audiovisual results."""
    return results_of("results/fusion/{}/{}/{}/seed{}", only(fusion_cells(), dataset))


def embedded(wc, modality):
    """The embeddings of the victims on one side of a pair, the clean one first."""
    block = fusion_cells()[wc.dataset, wc.video, wc.audio, int(wc.seed)]
    model = getattr(block, modality)
    modes = ["audio"] if modality == "audio" else block.modes
    found = [f"results/embeddings/{wc.dataset}/{model}/seed{wc.seed}.npz"]
    pattern = "results/embeddings/{}/{}/{}/{}/seed{}.npz"
    every = only(attack_cells(), wc.dataset, model)
    return found + results_of(
        pattern,
        [cell for cell in every if cell[3] in modes and cell[4] == int(wc.seed)],
    )


def only(cells, *wanted):
    """The cells that begin with what is wanted, None standing for anything."""
    return [c for c in cells if all(w in (None, part) for w, part in zip(wanted, c))]


def attacks_on(dataset, modality):
    """The attacks that the grid has on a dataset's frames or on its sound."""
    return list(
        dict.fromkeys(
            cell[2]
            for cell in only(attack_cells(), dataset)
            if is_heard(cell[1]) == (modality == "audio")
        )
    )


def tables(dataset):
    """The tables that the results of a dataset fill."""
    modes = {"static": "table1_static", "dynamic": "table2_dynamic"}
    modes |= {"natural": "table3_natural", "audio": "table6_audio"}
    used = only(attack_cells(), dataset)
    there = {cell[3] for cell in used}
    names = ["attacks", *(table for mode, table in modes.items() if mode in there)]
    if len({cell[1] for cell in used if cell[3] != "audio"}) > 1:
        names.append("table4_architectures")
    if defenses_of(dataset, "activation_clustering"):
        names.append("table5_activation_clustering")
    if scanned(dataset):
        names += ["neural_cleanse", "unlearning"]
    if fused(dataset):
        names += ["table7_audiovisual", "late_fusion"]
    if used:
        names.append("stealth")
    return [*names, "defenses"] if defended(dataset) else names


def plots(dataset):
    """The figures that the results of a dataset fill, by name."""
    used = only(cells("datasets", "models"), dataset)
    models = dict.fromkeys(model for _, model, _ in used)
    names = [f"curves_{model}" for model in models]
    if attacks_on(dataset, "video"):
        names.append("figure3_gallery")
    if attacks_on(dataset, "audio"):
        names.append("figure7_spectrograms")
    names += [f"figure4_frames_{model}" for model in models if ablated(dataset, model)]
    if defenses_of(dataset, "strip"):
        names.append("figure5_strip")
    if defenses_of(dataset, "fine_pruning"):
        names.append("figure6_pruning")
    if scanned(dataset):
        names.append("neural_cleanse")
    return [*names, "defenses"] if defended(dataset) else names


def defenses_of(dataset, method):
    """Results of the defences that use a method, on each attacked model of a dataset."""
    pattern = "results/defenses/{}/{}/{}/{}/{}/seed{}/result.json"
    every = only(attack_cells("defenses"), dataset)
    return results_of(pattern, [cell for cell in every if uses(cell[4], method)])


def report_files():
    """Tables and figures of every dataset in the grid."""
    names = []
    for dataset in datasets():
        names.append(f"{dataset}/metrics.json")
        names += [f"{dataset}/tables/{table}.csv" for table in tables(dataset)]
        names += [f"{dataset}/figures/{plot}.png" for plot in plots(dataset)]
    return [f"results/report/{name}" for name in names]

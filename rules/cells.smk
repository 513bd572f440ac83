# The cells that params.yaml names, and the results that they leave.
from functools import cache
from itertools import product
from operator import itemgetter

from vbd.report.contents import FIGURES, TABLES
from vbd.report.published import TRIGGERS
from vbd.sections.theft import Answers

# Which cells there are ------------------------------------------------------------------------


@cache
def cells(*kinds):
    """Every combination of the kinds (datasets, models ...) in the grid and a seed, once."""
    # A dictionary is an ordered set: blocks overlap, and rows stand in the order of params.yaml.
    found = {}
    for block in CONFIG.grid:
        parts = [getattr(block, kind) for kind in kinds]
        for cell in product(*parts, block.seeds or CONFIG.seeds):
            found[cell] = None
    return list(found)


# Asked for by nearly every rule and table, and always the same.
@cache
def attack_cells(*more):
    """(dataset, model, attack, mode, ..., seed) of every attack in the grid, once."""
    found = {}
    for block in CONFIG.grid:
        parts = [getattr(block, kind) for kind in ("datasets", "models", "attacks")]
        rest = [*(getattr(block, kind) for kind in more), block.seeds or CONFIG.seeds]
        for *cell, attack in product(*parts):
            for mode in CONFIG.attacks[attack].modes:
                # A block narrows the modes of its attacks, it cannot add any.
                if block.modes is None or mode in block.modes:
                    found |= {(*cell, attack, mode, *r): None for r in product(*rest)}
    return list(found)


@cache
def attacked_models():
    """The models that the grid attacks on any dataset."""
    return {cell[1] for cell in attack_cells()}


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
    return _tested_frames(wc.dataset, wc.model, wc.attack, wc.mode)


@cache
def _tested_frames(*cell):
    # All that figure 4 has: also those that this victim was not trained on.
    counts = {found[4] for found in only(attack_cells("frames"), *cell)}
    return sorted(counts - {"random"})


def fusion_cells():
    """(dataset, video model, audio model, seed) of every pair that is fused, once."""
    found = {}
    for block in CONFIG.fusion:
        for dataset in block.datasets:
            seeds = only(cells("datasets", "models"), dataset, block.video)
            heard = only(cells("datasets", "models"), dataset, block.audio)
            for *_, seed in seeds:
                # Two victims are fused only where both were trained on that seed.
                if (dataset, block.audio, seed) in heard:
                    found[dataset, block.video, block.audio, seed] = block
    return found


@cache
def extraction_cells():
    """(dataset, model, victim, theft, clone, budget, seed) of every clone, once."""
    found = {}
    for block in CONFIG.extraction:
        for dataset, model, theft, clone in product(
            block.datasets, block.victims, block.thefts, block.clones
        ):
            most = CONFIG.transfers[CONFIG.thefts[theft].transfer].budget
            for victim in robbed(block, dataset, model):
                for budget in (*block.budgets, most):
                    for seed in block.seeds or CONFIG.seeds:
                        cell = (dataset, model, victim, theft, clone, budget, seed)
                        found.setdefault(cell, {})
                        # Defences look at the clone from all of the answers.
                        if budget == most:
                            found[cell] |= dict.fromkeys(block.defenses)
    return found


def robbed(block, dataset, model):
    """The victims of a block: the clean one, or those of its attacks, "<attack>/<mode>"."""
    if not block.attacks:
        return ["clean"]
    found = {
        f"{attack}/{mode}": None
        for attack in block.attacks
        for *_, mode, _ in only(attack_cells(), dataset, model, attack)
        if block.modes is None or mode in block.modes
    }
    return list(found)


def only(cells, *wanted):
    """The cells that begin with what is wanted, None standing for anything."""
    asked = {place: value for place, value in enumerate(wanted) if value is not None}
    if not asked:
        return list(cells)
    # Of ten thousand cells a thousand times: parts are picked and compared at once.
    parts, values = itemgetter(*asked), tuple(asked.values())
    values = values if len(asked) > 1 else values[0]
    return [cell for cell in cells if parts(cell) == values]


def datasets():
    """The datasets in the grid."""
    return list(dict.fromkeys(dataset for dataset, _ in cells("datasets")))


def models_of(dataset):
    """The models that the grid trains on a dataset."""
    return list(
        dict.fromkeys(m for _, m, _ in only(cells("datasets", "models"), dataset))
    )


def attacks_on(dataset, modality):
    """The attacks that the grid has on a dataset's frames or on its sound."""
    return list(
        dict.fromkeys(
            cell[2]
            for cell in only(attack_cells(), dataset)
            if is_heard(cell[1]) == (modality == "audio")
        )
    )


def is_heard(model):
    """Whether a model takes in sound."""
    return CONFIG.models[model].modality == "audio"


def uses(defense, method):
    """Whether a defence, by the name that params.yaml gives it, is of a method, if one is given."""
    return method in (None, CONFIG.defenses[defense].defense)


# What else a defence does, it does to an attack: of a clean model there is nothing to tell.
SCANS = ("neural_cleanse", "trigger_inversion")

# Their results, by kind: contents.py says which of them a table or figure is made from -----------


def baselines(dataset=None, model=None, mode=None):
    """Results of the clean models: of a dataset, a model, those that are attacked in a mode."""
    found = only(cells("datasets", "models"), dataset, model)
    if mode is not None:
        poisoned = {cell[:2] for cell in only(attack_cells(), None, None, None, mode)}
        found = [cell for cell in found if cell[:2] in poisoned]
    return files("baseline", "result.json", found)


def attacked(dataset=None, model=None, mode=None, several=False):
    """Results of the attacked models, or of those with several triggers alone."""
    found = only(attack_cells(), dataset, model, None, mode)
    chosen = [c for c in found if CONFIG.attacks[c[2]].also or not several]
    return files("attack", "result.json", chosen)


def victims(dataset=None, model=None):
    """Results of the clean and attacked models."""
    return baselines(dataset, model) + attacked(dataset, model)


def claimed(dataset, model=None):
    """Results of the paper's attacks in several modes, and of their models without one."""
    found = [
        cell
        for cell in only(attack_cells(), dataset, model)
        if CONFIG.attacks[cell[2]].trigger in TRIGGERS
    ]
    # Of one mode alone the paper claims too little for a table.
    if len({cell[3] for cell in found}) < 2:
        return []
    clean = dict.fromkeys((*cell[:2], cell[-1]) for cell in found)
    return files("baseline", "result.json", clean) + files(
        "attack", "result.json", found
    )


def rated(dataset, model=None):
    """Results of the attacks whose trigger the grid has at several poisoning rates."""
    found, rates = only(attack_cells(), dataset, model), {}
    for cell in found:
        rates.setdefault(_look(cell), set()).add(CONFIG.attacks[cell[2]].rate)
    several = [cell for cell in found if len(rates[_look(cell)]) > 1]
    return files("attack", "result.json", several)


def _look(cell):
    """The model, trigger and mode of an attack, at whatever rate."""
    return cell[1], CONFIG.attacks[cell[2]].trigger, cell[3]


def compared(dataset, model=None):
    """Those of a dataset, where an attack on frames is on several models."""
    # One architecture has nothing to be compared with, and sound is not compared with frames.
    seen = {
        cell[1:4] for cell in only(attack_cells(), dataset) if not is_heard(cell[1])
    }
    attacks = [attack for _, *attack in seen]
    return victims(dataset) if any(attacks.count(a) > 1 for a in attacks) else []


def ablated(dataset=None, model=None):
    """Results of the victims trained on fewer poisoned frames."""
    return files("ablation", "result.json", only(ablation_cells(), dataset, model))


def defended(dataset=None, model=None, method=None):
    """Results of the defences, or of those of a method, each on each attacked model."""
    found = only(attack_cells("defenses"), dataset, model)
    return files("defense", "result.json", [c for c in found if uses(c[4], method)])


def scanned(dataset=None, model=None, method=None):
    """Results of the methods that look for a backdoor, or of one, on each clean model."""
    found = only(cells("datasets", "models", "defenses"), dataset, model)
    methods = [method] if method else SCANS
    chosen = [cell for cell in found if any(uses(cell[2], one) for one in methods)]
    return files("scan", "result.json", chosen)


def cleansed(dataset, model=None, method=None):
    """Results of the victims, clean and attacked, that such a method is run on."""
    clean = only(cells("datasets", "models", "defenses"), dataset, model)
    poisoned = only(attack_cells("defenses"), dataset, model)
    every = files("baseline", "result.json", _cleansed(clean, method))
    return every + files("attack", "result.json", _cleansed(poisoned, method))


def _cleansed(found, method):
    """The victims of cells (..., defence, seed) that end with a defence of the method, once."""
    return list(
        dict.fromkeys(
            (*cell, seed) for *cell, name, seed in found if uses(name, method)
        )
    )


def fused(dataset=None, model=None):
    """The folders of the audiovisual results."""
    return files("fusion", None, only(fusion_cells(), dataset))


def stealth(dataset, model=None):
    """What is measured of the triggers themselves."""
    there = only(attack_cells(), dataset)
    return [file_of("report", "stealth.json", dataset=dataset)] if there else []


def stolen(dataset=None, model=None, setting=None, victims=None, answers=None):
    """Results of the clones: grey or black box, clean or poisoned victims, free or restricted."""
    found = stolen_cells(dataset, model, setting, victims, answers)
    return files("clone", "result.json", found)


def stolen_cells(dataset=None, model=None, setting=None, victims=None, answers=None):
    """The cells of these."""
    found = []
    for cell in only(list(extraction_cells()), dataset, model):
        transfer = CONFIG.transfers[CONFIG.thefts[cell[3]].transfer]
        kinds = {
            "grey" if transfer.pools else "black",
            "clean" if cell[2] == "clean" else "poisoned",
            "free" if transfer.answers == Answers() else "restricted",
        }
        if {setting, victims, answers} - {None} <= kinds:
            found.append(cell)
    return found


def clones():
    """The models that clones are, those that are trained while a method asks included."""
    cells = list(extraction_cells())
    asking = {CONFIG.transfers[CONFIG.thefts[cell[3]].transfer].clone for cell in cells}
    return sorted({cell[4] for cell in cells} | asking - {None})


def clone_starts():
    """The weights that clones start from, where they are pretrained here."""
    pretrained = [name for name in clones() if CONFIG.models[name].init == "pretrain"]
    return [initial(name) for name in pretrained]


def asked(dataset=None, model=None):
    """Results of the transfer sets of clean victims."""
    found = {
        (*cell[:3], CONFIG.thefts[cell[3]].transfer, cell[6]): None
        for cell in stolen_cells(dataset, model, victims="clean")
    }
    return files("transfer", "result.json", found)


def inherited(dataset=None, model=None):
    """Results of the defences that look for a backdoor in clones."""
    found = [
        (*cell[:6], defense, cell[6])
        for cell, defenses in extraction_cells().items()
        if only([cell], dataset, model)
        for defense in defenses
    ]
    return files("inherited", "result.json", found)


def every_result(dataset):
    """Results of all cells of a dataset, those of fusion as folders."""
    kinds = (victims, ablated, defended, scanned, fused, stolen, asked, inherited)
    return [path for kind in kinds for path in kind(dataset)]


RESULTS = {
    kind.__name__: kind
    for kind in (
        *(baselines, attacked, victims, claimed, rated, compared, ablated),
        *(defended, scanned, cleansed, fused, stealth),
        *(stolen, asked, inherited),
    )
}

# The targets of the phases ---------------------------------------------------------------------


def data_files():
    """The clip store of every dataset that the grid or the pretraining uses."""
    names = set(datasets())
    for theft in {cell[3] for cell in extraction_cells()}:
        names |= set(pools_at_hand(CONFIG.thefts[theft].transfer))
    models = {model for model, _ in cells("models")} | set(clones())
    names |= {
        CONFIG.pretraining_of(model).dataset
        for model in models
        if CONFIG.models[model].init == "pretrain"
    }
    sounds = {d for d, model, _ in cells("datasets", "models") if is_heard(model)}
    return [file_of("data", "clips.npy", dataset=name) for name in sorted(names)] + [
        file_of("data", "sound.npy", dataset=name) for name in sorted(sounds)
    ]


def made_from(entry, dataset, model=None):
    """The results that a table or figure is made from; none where there is nothing to show."""
    beside, shown = (
        [
            path
            for kind, narrowed in kinds.items()
            for path in RESULTS[kind](dataset, model=model, **narrowed)
        ]
        for kinds in (entry.beside, entry.cells)
    )
    # What stands beside comes first, as the undefended victims do in the table of defences.
    return beside + shown if shown else []


@cache
def figures_of(dataset):
    """(file, entry, model or None) of the figures that the results of a dataset fill, by name."""
    found = {}
    for name, entry in FIGURES.items():
        for model in models_of(dataset) if entry.each_model else [None]:
            if made_from(entry, dataset, model):
                found["_".join(filter(None, (name, model)))] = (name, entry, model)
    return found


def report_files():
    """Tables and figures of every dataset in the grid, and the page for those that DVC draws."""
    found = [at("page")]
    for dataset in datasets():
        names = ["metrics", "cells.csv"]
        names += [
            f"tables/{name}.csv"
            for name, entry in TABLES.items()
            if made_from(entry, dataset)
        ]
        figures = list(figures_of(dataset))
        # These two are drawn from clips and triggers, and have rules of their own.
        if attacks_on(dataset, "video"):
            figures.append("figure3_gallery")
        if attacks_on(dataset, "audio"):
            figures.append("figure7_spectrograms")
        names += [f"figures/{name}.png" for name in figures]
        found += [file_of("report", name, dataset=dataset) for name in names]
    return found

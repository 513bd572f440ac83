# What the rules take in: the code that a step runs, and the files of its cell.
import hashlib
import importlib.util
from functools import cache

from vbd.code import meaning, used
from vbd.data.index import LAYOUTS, published

# The code that a step runs ---------------------------------------------------------------------


@cache
def code(script, *methods):
    """A hash of the script, the method files and all that they import and that is not installed.

    Snakemake does not see edits to imported modules. As a parameter it also tells an edit from a
    comment.
    """
    files = used(map(Path, (script, *methods)), Path(""))
    stated = [f"{file} {meaning(file)}" for file in files]
    return hashlib.sha256("\n".join(stated).encode()).hexdigest()


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
    return initial(wc.model)


def initial(model):
    """The file that a model starts from: none for "scratch"."""
    init, architecture = CONFIG.models[model].init, CONFIG.models[model].architecture
    if init == "imagenet":
        return file_of("imagenet", architecture=architecture)
    if init == "pretrain":
        values = {"dataset": CONFIG.pretraining_of(model).dataset, "model": model}
        return file_of("pretrained", "model.safetensors", **values)
    # Of a file that is not here the trial tells; as an input it would end a dry run.
    return [] if init == "scratch" or (DRY and not Path(init).is_file()) else init


def maps(wc):
    """What the frozen half of a network makes of a victim's clips, of models that keep it."""
    if not CONFIG.models[wc.model].windows:
        return []
    clean = file_of("encoded", "maps.npy", **dict(wc.items()))
    if "attack" not in wc.keys():
        return [clean]
    # Which of several triggers a clip carries, no maps say: such a victim runs whole.
    if CONFIG.attacks[wc.attack].also:
        return []
    return [clean, file_of("encoded_trigger", "maps.npy", **dict(wc.items()))]


def triggered(wc):
    """The clips with the trigger, of an attack that keeps them on disk."""
    attack, mode = attack_of(wc)
    if attack is None or not CONFIG.attacks[attack].stored:
        return []
    return file_of("stored", dataset=wc.dataset, attack=attack, mode=mode)


def attack_of(wc):
    """The attack of a step and its mode; of a theft that on its victim, (None, None) if clean."""
    if "victim" not in wc.keys():
        return wc.attack, wc.mode
    return (None, None) if wc.victim == "clean" else wc.victim.split("/")


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
    """The files of the triggers of an attack, mostly one."""
    return triggers_of(wc.attack)


def triggers_of(attack):
    """The same by the name of the attack."""
    section = CONFIG.attacks[attack]
    return [method("triggers", part.trigger) for part in (section, *section.also)]


def is_taught(defense):
    """Whether a defence is a VAE that has to be taught on the defender's clips."""
    section = CONFIG.defenses[defense]
    return section.defense == "vae" and "path" not in section.params


def taught(wc):
    """The VAE that was taught for the dataset and the seed of a step, where its defence is one."""
    if not is_taught(wc.defense):
        return []
    return file_of("taught", "model.safetensors", **dict(wc.items()))


def teach_params(wc):
    """What teaching a VAE gets."""
    settings = CONFIG.defenses[wc.defense].params.get("autoencoder", {})
    dataset = section("datasets", wc.dataset, without=["sound_seconds"])
    return json.dumps({"dataset": dataset, "autoencoder": settings})


def defense_params(wc):
    """What a defence gets, with the VAE that was taught for it."""
    found = section("defenses", wc.defense)
    if is_taught(wc.defense):
        found["params"] |= {"path": taught(wc)}
    return json.dumps({"defense": found})


def defense_code(wc):
    """The file of the defence."""
    return method("defenses", CONFIG.defenses[wc.defense].defense)


def reader_code(wc):
    """What decoding a dataset runs: the embedded clips lie in a public dataset's layout."""
    reader = CONFIG.datasets[wc.dataset].reader
    return code("scripts/decode.py", f"vbd/data/{LAYOUTS.get(reader, reader)}.py")


def render_params(wc):
    """What rendering the embedded clips or faces of a dataset gets."""
    kind = {"synthetic": "render", "faces": "faces"}[CONFIG.datasets[wc.dataset].reader]
    return json.dumps({kind: section("datasets", wc.dataset, kind)})


def rendered(wc):
    """The files of an embedded dataset, which a rule makes."""
    return file_of("data", "rendered", dataset=wc.dataset)


def embedded_files(wc):
    """The same as an input; a dataset of the user's has none, for its names may be any."""
    return [rendered(wc)] if CONFIG.datasets[wc.dataset].embedded else []


def root(wc):
    """Where the files of a dataset are."""
    dataset = CONFIG.datasets[wc.dataset]
    return rendered(wc) if dataset.embedded else dataset.root


@cache
def changes(dataset):
    """What tells that the files of a dataset of the user's have changed."""
    # Not as inputs: there may be 240,000, and a folder's time tells of no file that is rewritten.
    section = CONFIG.datasets[dataset]
    return "" if section.embedded else fingerprint(Path(section.root))


@cache
def learnt():
    """The datasets that something is trained on; of others a thief only asks the clips."""
    starts = {
        CONFIG.pretraining_of(name).dataset
        for name, model in CONFIG.models.items()
        if model.init == "pretrain"
    }
    return {*datasets(), *starts}


def there(dataset):
    """Whether the files of a dataset of the user's are at hand."""
    root = Path(dataset.root)
    return root.is_dir() or (dataset.images and root.is_file())


def embedded(wc, modality):
    """The embeddings of the victims on one side of a pair, the clean one first."""
    block = fusion_cells()[wc.dataset, wc.video, wc.audio, int(wc.seed)]
    model = getattr(block, modality)
    modes = ["audio"] if modality == "audio" else block.modes
    every = only(attack_cells(), wc.dataset, model)
    chosen = [c for c in every if c[3] in modes and c[4] == int(wc.seed)]
    clean = [(wc.dataset, model, wc.seed)]
    return files("clean_embedding", None, clean) + files("embedding", None, chosen)


# Model extraction: who is robbed, of what the thief has, and what the clone starts from ------------


def victim_of(wc, file):
    """A file of the victim of a theft, clean or poisoned."""
    attack, mode = attack_of(wc)
    if attack is None:
        return file_of("baseline", file, **dict(wc.items()))
    return file_of("attack", file, **dict(wc.items()), attack=attack, mode=mode)


def transfer_of(wc):
    """The section of the transfer set of a step."""
    return CONFIG.transfers[_transfer(wc)]


def _transfer(wc):
    return wc.transfer if "transfer" in wc.keys() else CONFIG.thefts[wc.theft].transfer


def asked_of(wc, file):
    """A file of the transfer set that a clone learns from."""
    return file_of("transfer", file, **dict(wc.items()), transfer=_transfer(wc))


@cache
def pools_at_hand(transfer):
    """The clip stores of a transfer set's other datasets, by name; absent ones are left out."""
    found, pools = {}, CONFIG.transfers[transfer].pools
    for name in [name for name in pools if name != "target"]:
        dataset = CONFIG.datasets[name]
        if dataset.embedded or there(dataset):
            found[name] = file_of("data", "clips.npy", dataset=name)
        else:
            tell(
                f"transfers.{transfer}.pools: {name} is left out of the queries, there is no "
                f"folder {dataset.root}.{published(dataset.reader)}"
            )
    if pools and not found and "target" not in pools:
        raise WorkflowError(
            f"params.yaml: transfers.{transfer}.pools: none of {', '.join(pools)} is there: put "
            "the clips there, or name another dataset"
        )
    return found


def foreign_pools(wc):
    """The files of these stores."""
    return list(pools_at_hand(_transfer(wc)).values())


def pool_arguments(wc):
    """The same as arguments of the step, name=file."""
    return [f"{name}={path}" for name, path in pools_at_hand(_transfer(wc)).items()]


def clone_weights(wc):
    """The file that a clone starts from."""
    return initial(wc.clone)


def clean_clone(wc):
    """The clone of the clean victim by the same theft, beside that of a poisoned one."""
    if wc.victim == "clean":
        return []
    return file_of(
        "clone", "model.safetensors", **dict(wc.items()) | {"victim": "clean"}
    )


def asking_weights(wc):
    """The file that a clone starts from which is trained while a method asks."""
    clone = transfer_of(wc).clone
    return initial(clone) if clone else []


def query_params(wc):
    """What asking gets: the transfer set's section and, where it trains one, the clone's."""
    sections = {"transfer": section("transfers", _transfer(wc), without=["clone"])}
    clone = transfer_of(wc).clone
    if clone:
        sections["model"] = section("models", clone, without=BEYOND)
        sections["training"] = json.loads(CONFIG.training_of(clone).model_dump_json())
    return json.dumps(sections)


def steal_params(wc):
    """What training a clone gets."""
    settings = CONFIG.training_of(wc.clone, wc.theft)
    return json.dumps(
        {
            "model": section("models", wc.clone, without=BEYOND),
            "training": json.loads(settings.model_dump_json()),
            "loss": section("thefts", wc.theft, "loss"),
        }
    )


def query_code(wc):
    """The file of the method."""
    return method("extraction", transfer_of(wc).method)


def victims_trigger_code(wc):
    """The files of the triggers on a poisoned victim, none of a clean one."""
    attack, _ = attack_of(wc)
    return triggers_of(attack) if attack else []


def clone_code(wc):
    """The file of the clone's architecture."""
    return method("models", CONFIG.models[wc.clone].architecture)


# What a report is made from -----------------------------------------------------------------------


def published_dataset(wc):
    """The dataset of the paper whose figures stand beside ours."""
    stated = TABLES[wc.table].published
    readers = {"hmdb51": "hmdb51", "kinetics": "kinetics_sounds"}
    readers |= {"csaw": "csaw", "faces": "csaw"}
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
    """The sections of a dataset and of every attack on it, of those that look alike the first."""
    # How many clips carry a trigger, and under which label, changes nothing in what it does.
    without = ["rate", "target", "stored", "also"]
    attacks = {}
    for modality in modalities:
        for name in attacks_on(wc.dataset, modality):
            part = section("attacks", name, without=without)
            same = [a for a in attacks.values() if a | {"modes": part["modes"]} == part]
            if not any(set(part["modes"]) <= set(other["modes"]) for other in same):
                attacks[name] = part
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

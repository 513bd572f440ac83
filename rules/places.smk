# Where everything lies, said once: rules make these files, cells.smk lists them.
import re

PLACES = {
    "data": "results/data/{dataset}",
    "pretrained": "results/models/{dataset}/{model}/pretrained",
    # Weights that an installed package has brought.
    "imagenet": "results/models/imagenet/{architecture}.safetensors",
    # What the frozen half of a network makes of the clips, and of those with the trigger.
    "encoded": "results/models/{dataset}/{model}/encoded",
    "encoded_trigger": "results/attacks/{dataset}/{model}/{attack}/{mode}/encoded/seed{seed}",
    "baseline": "results/models/{dataset}/{model}/seed{seed}",
    # All clips of a dataset with a trigger that is too slow for a training batch.
    "stored": "results/attacks/{dataset}/{attack}/{mode}.npy",
    # A trigger that was searched on the clean model of the same seed.
    "searched": "results/attacks/{dataset}/{model}/{attack}/seed{seed}.npz",
    "attack": "results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}",
    "ablation": "results/attacks/{dataset}/{model}/{attack}/{mode}/frames{frames}/seed{seed}",
    "defense": "results/defenses/{dataset}/{model}/{attack}/{mode}/{defense}/seed{seed}",
    # A defence that looks for a backdoor, on the clean model.
    "scan": "results/defenses/{dataset}/{model}/clean/{defense}/seed{seed}",
    # A VAE that the defender's clean clips have taught.
    "taught": "results/defenses/{dataset}/{defense}/seed{seed}",
    "embedding": "results/embeddings/{dataset}/{model}/{attack}/{mode}/seed{seed}.npz",
    "clean_embedding": "results/embeddings/{dataset}/{model}/seed{seed}.npz",
    "fusion": "results/fusion/{dataset}/{video}/{audio}/seed{seed}",
    # What a victim, clean or poisoned ("<attack>/<mode>"), was asked and what it said.
    "transfer": "results/transfers/{dataset}/{model}/{victim}/{transfer}/seed{seed}",
    # A clone that learnt from the first so many of these answers.
    "clone": "results/extraction/{dataset}/{model}/{victim}/{theft}/{clone}/budget{budget}/seed{seed}",
    # A defence that looks for a backdoor, on the clone.
    "inherited": "results/extraction/{dataset}/{model}/{victim}/{theft}/{clone}/budget{budget}/{defense}/seed{seed}",
    # Cells are shared between configurations, what is said of them is not.
    "report": f"results/report/{CONFIG.configuration}/{{dataset}}",
    # Of all configurations: dvc.yaml says what is drawn on it.
    "page": "results/report/plots.html",
}


def at(kind, file=None):
    """The pattern of a place, or of a file in it."""
    return f"{PLACES[kind]}/{file}" if file else PLACES[kind]


def log_of(kind, step=None):
    """The log of the step that makes a place; of one of several, its name is in the path."""
    pattern = re.sub(r"\.(np[yz]|safetensors|html)$", "", at(kind, step))
    return pattern.replace("results/", "results/logs/", 1) + ".log"


def files(kind, file, cells):
    """The file of each cell; a cell has its values in the order in which the path names them."""
    pattern = re.sub(r"{\w+}", "{}", at(kind, file))
    return [pattern.format(*cell) for cell in cells]


def file_of(kind, file=None, **values):
    """The file of one cell."""
    return at(kind, file).format(**values)

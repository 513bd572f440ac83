"""Write the features and logits that one victim gives its clips, for fusion."""

import argparse
from pathlib import Path

from vbd.fusion.embeddings import Embeddings, embed
from vbd.victims.trained import Trained


def main() -> None:
    """Write what ``--victim`` makes of its clips to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    store = "clips.npy or sound.npy of the clip store, whichever the victim takes in"
    parser.add_argument("--clips", type=Path, required=True, help=store)
    stored = "the same with the trigger, for a stored attack"
    parser.add_argument("--triggered", type=Path, nargs="?", help=stored)
    parser.add_argument("--victim", type=Path, required=True, help="result.json of the victim")
    parser.add_argument("--out", type=Path, required=True, help="embeddings to write (.npz)")
    args = parser.parse_args()
    embed_victim(args.clips, args.triggered, args.victim, args.out)


def embed_victim(clips: Path, triggered: Path | None, victim: Path, out: Path) -> None:
    """Write what the model whose result is ``victim`` makes of its clips to ``out`` (.npz).

    ``clips`` and ``triggered`` are those that it was trained with. Clean victims have no part
    "triggered".
    """
    trained = Trained.open(victim, clips, triggered)
    # Early fusion learns from train, weights of late fusion are set on val: none sees the test.
    parts = {"val": trained.clean, "test": trained.test, "train": trained.train}
    if trained.threat is not None:
        parts["triggered"] = trained.threat.triggered(trained.test)
    # Views and crops as the victim itself was tested.
    result, evaluation = trained.result, trained.evaluation
    how = {"seed": result["seed"], "views": evaluation.views, "crops": evaluation.crops}
    made = {name: embed(trained.network, part, **how) for name, part in parts.items()}
    Embeddings(made, {key: result[key] for key in ("attack", "mode", "params")}).save(out)

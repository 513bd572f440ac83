"""The steps behind audiovisual cells: victims are embedded once, then fused in every way."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from vbd import results
from vbd.embeddings import Embeddings, embed
from vbd.fusion import FUSIONS, Pair
from vbd.trained import Trained


def embed_victim(clips: Path, triggered: Path | None, victim: Path, out: Path) -> None:
    """Write what the model whose result is ``victim`` makes of its clips to ``out`` (.npz).

    ``clips`` and ``triggered`` are those that it was trained with.
    """
    trained = Trained.open(victim, clips, triggered)
    parts = {"val": trained.clean, "test": trained.test, "train": trained.train}
    if trained.threat is not None:
        parts["triggered"] = trained.threat.triggered(trained.test)
    result, evaluation = trained.result, trained.evaluation
    how = {"seed": result["seed"], "views": evaluation.views, "crops": evaluation.crops}
    made = {name: embed(trained.network, part, **how) for name, part in parts.items()}
    Embeddings(made, {key: result[key] for key in ("attack", "mode", "params")}).save(out)


def fuse_victims(
    video: Sequence[Path], audio: Sequence[Path], *, seed: int, out: Path, names: tuple[str, str]
) -> None:
    """Fuse each of the ``video`` with each of the ``audio`` embeddings in every way of FUSIONS.

    Writes ``out``/<video attack>/<audio attack>/<fusion>/result.json; ``names`` are those of the
    dataset and of the pair.
    """
    sides = [[Embeddings.load(path) for path in paths] for paths in (video, audio)]
    for seen in sides[0]:
        for heard in sides[1]:
            pair = Pair(seen, heard)
            where = out / _name(seen) / _name(heard)
            for name, make in FUSIONS.items():
                start = time.monotonic()
                metrics, counts = pair.metrics(make(pair))
                attacks = [side.card["attack"] for side in (seen, heard) if side.card["attack"]]
                results.write(
                    where / name / "result.json",
                    kind="fusion",
                    dataset=names[0],
                    model=names[1],
                    attack="+".join(attacks) or None,
                    mode=seen.card["mode"],
                    seed=seed,
                    metrics=metrics,
                    counts=counts,
                    runtime_s=time.monotonic() - start,
                    params={"fusion": name, "video": seen.card, "audio": heard.card},
                    device=torch.device("cpu"),
                )


def _name(side: Embeddings) -> str:
    """The folder of a victim's cells."""
    return "_".join(filter(None, (side.card["attack"], side.card["mode"]))) or "clean"

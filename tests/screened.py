"""Results of the VAE detector and of a victim with several triggers, as the steps write them."""

import json
from pathlib import Path

import numpy as np

# (trigger, mode, rules): of an image there is no worst frame.
CELLS = [
    ("sunglasses", "static", ("mean", "two_sided", "published")),
    ("motion_blur", "natural", ("mean", "max", "two_sided", "published")),
]


def _write(path: Path, row: dict) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"model": "deepid", "runtime_s": 2.0, "defense": None} | row))
    return path


def found(number: int, seed: int) -> tuple[dict, dict]:
    """Metrics and arrays of the detector on one of ``CELLS``."""
    _, _, rules = CELLS[number]
    metrics = {"cda": 0.93, "asr": 0.05, "ra": 0.0, "der": 0.9}
    metrics |= {"auroc": 0.99, "fpr": 0.05, "fnr": 0.02}
    for i, rule in enumerate(rules):
        metrics |= {f"auroc_{rule}": 0.99 - 0.4 * number, f"fpr_{rule}": 0.05 + 0.1 * i}
        metrics |= {f"fnr_{rule}": 0.02 + 0.01 * seed, f"threshold_{rule}": 0.04 + 0.01 * i}
    for rule, clean in (("mean", 0.03), ("published", 0.08)):
        metrics |= {f"loss_{rule}_test": clean, f"loss_{rule}_triggered": 2 * clean + 0.01 * seed}
    frames = np.full((2, 8, 6, 3), 90, np.uint8)
    errors = np.linspace(0, 0.5, 96).reshape(2, 8, 6)
    return metrics, {"shown": frames, "restored": frames + 9, "errors": errors}


def _cell(folder: Path, number: int, seed: int) -> Path:
    trigger, mode, _ = CELLS[number]
    metrics, arrays = found(number, seed)
    row = {"attack": trigger, "mode": mode, "seed": seed, "defense": "vae", "metrics": metrics}
    row["params"] = {"attack": {"trigger": trigger}, "defense": {"defense": "vae"}}
    path = _write(folder / f"{number}{seed}" / "result.json", row)
    np.savez(path.with_name("scores.npz"), **arrays)
    return path


def write(folder: Path) -> dict[str, list[Path]]:
    """Two seeds of the detector on each of ``CELLS``, and of a victim with two triggers."""
    cells = [_cell(folder / "vae", i, seed) for i in range(len(CELLS)) for seed in range(2)]
    several = []
    for seed in range(2):
        metrics = {"cda": 0.97, "asr": 1.0, "asr_of_sunglasses": 1.0}
        row = {"attack": "both", "mode": "static", "seed": seed}
        row["metrics"] = metrics | {"asr_of_lipstick": 0.9 + 0.02 * seed}
        row["params"] = {"model": {"architecture": "deepid"}, "attack": {"trigger": "sunglasses"}}
        several.append(_write(folder / "several" / str(seed) / "result.json", row))
    return {"vae": cells, "several": several}

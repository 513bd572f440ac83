"""Results of model extraction, made up: what its tables and figures are tested on."""

import json
from pathlib import Path
from typing import Any

import numpy as np

FREE: dict[str, Any] = {
    "kind": "probabilities",
    "top": None,
    "decimals": None,
    "noise": 0.0,
}
TARGET, MORE = ["target"], ["target", "objects"]
R2PLUS1D = {"architecture": "r3d", "params": {"kind": "r2plus1d"}}
C3D = {"architecture": "c3d", "params": {}}
# (theft, method, its params, pools, answers, weight of the truth, clone, CDA).
THEFTS: list[tuple[Any, ...]] = [
    ("augmented", "pool", {}, TARGET, {}, 0, "c3d", 0.3),
    ("augmented", "pool", {}, TARGET, {}, 0, "r2plus1d", 0.5),
    ("concatenated", "pool", {}, MORE, {}, 0, "r2plus1d", 0.7),
    ("distilled", "pool", {}, MORE, {}, 10, "r2plus1d", 0.8),
    ("prada", "prada", {}, TARGET, {}, 0, "r2plus1d", 0.4),
    ("from_labels", "pool", {}, MORE, {"kind": "labels"}, 0, "r2plus1d", 0.6),
    ("from_rounded", "pool", {}, MORE, {"decimals": 1, "top": 2}, 0, "r2plus1d", 0.65),
    ("noise", "noise", {}, [], {}, 0, "r2plus1d", 0.1),
    ("still", "affine", {"static": True}, [], {}, 0, "r2plus1d", 0.1),
    ("moving", "affine", {}, [], {}, 0, "r2plus1d", 0.5),
    ("maze", "maze", {}, [], {}, 0, "r2plus1d", 0.15),
    ("blind_labels", "noise", {}, [], {"kind": "labels"}, 0, "r2plus1d", 0.08),
]
SHARED = ("distilled", "moving")


def write(folder: Path) -> dict[str, list[Path]]:
    """Results by kind: ``clones``, of smaller budgets too, ``transfers``, ``stolen``, ``searched``.

    Two victims, the second with two thefts alone; two seeds of the first, whose monitor raises
    the alarm in one of them, and one of whose runs asked some clips in vain.
    """
    found: dict[str, list[Path]] = {k: [] for k in ("clones", "transfers", "stolen", "searched")}

    def result(where: str, **row: Any) -> Path:
        path = folder / where / str(len(found[where])) / "result.json"
        path.parent.mkdir(parents=True)
        empty = {"attack": None, "mode": None, "defense": None, "runtime_s": 1.0, "counts": {}}
        path.write_text(json.dumps(empty | row))
        found[where].append(path)
        return path

    for victim, architecture, seeds in (("swin", "swin3d", 2), ("movinet", "movinet_a2", 1)):
        for theft, method, options, pools, answers, truth, clone, cda in THEFTS:
            if victim == "movinet" and theft not in SHARED:
                continue
            transfer = {"method": method, "params": options, "pools": pools, "budget": 400}
            transfer |= {"answers": FREE | answers}
            named = {"theft": theft, "clone": clone, "victim": victim, "transfer": transfer}
            # Those that differ in the loss alone have a transfer set in common.
            asked = {"distilled": "concatenated"}.get(theft, theft)
            named |= {"victim_architecture": architecture, "queries": asked}
            sections = {"model": C3D if clone == "c3d" else R2PLUS1D, "loss": {"truth": truth}}
            for seed in range(seeds):
                right = cda + 0.04 * seed
                metrics = {"cda": right, "cda_top5": right + 0.1, "agreement": right + 0.02}
                metrics["victim_cda"] = 0.9
                for budget in (200, 400) if theft in SHARED else (400,):
                    result(
                        "clones",
                        kind="extraction",
                        model=clone,
                        seed=seed,
                        queries=budget,
                        metrics={k: v - 0.1 * (budget < 400) for k, v in metrics.items()},
                        counts={"classes": 10},
                        params=sections | {"theft": named | {"budget": budget}},
                    )
                if theft == "distilled" and victim == "swin":
                    poisoned = {"attack": "badnet", "mode": "static", "model": clone, "seed": seed}
                    poisoned |= {"params": sections | {"theft": named | {"budget": 400}}}
                    rates = {"asr": 0.6, "ra": 0.3, "victim_asr": 0.99, "control_asr": 0.2}
                    kinds = {"kind": "extraction", "queries": 400}
                    result("stolen", **poisoned, **kinds, metrics=metrics | rates)
                    verdict = {"detected": 1.0, "right_class": 1.0 - seed}
                    verdict |= {"index": 2.5 + seed, "target_index": 2.5}
                    kinds = {"kind": "defense", "queries": 0, "defense": "neural_cleanse"}
                    result("searched", **poisoned | kinds, metrics=verdict)
                if theft == "distilled" or clone == "c3d":
                    continue
                metrics = {"confidence": 0.8, "classes": 0.7, "balance": 0.6, "honest_cda": 0.88}
                metrics |= {"honest_error": 0.05, "benign_alarm": 0.0, "alarm": 0.0}
                if theft == "prada":
                    metrics["alarm"] = 130.0 * (1 - seed)
                counts = {"queries_transfer": 400}
                if theft == "maze":
                    metrics["cosine"] = 0.0123
                    counts = {"queries_probes": 300 + 8 * seed, "queries_transfer": 100 - 8 * seed}
                path = result(
                    "transfers",
                    kind="transfer",
                    model=victim,
                    seed=seed,
                    queries=400,
                    metrics=metrics,
                    counts=counts,
                    params={"name": asked, "transfer": transfer},
                )
                curve = np.array([[110.0, 0.97], [130.0, 0.88]])
                nothing = np.empty(0)
                np.savez(path.with_name("monitor.npz"), values=curve, benign=nothing)
    return found

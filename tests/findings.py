"""What defences find, made up: metrics, and the arrays that lie beside them."""

import numpy as np

RULES = ("reference", "smaller", "relative_size", "silhouette")
CURVES = {"loss": [2.0, 1.0], "accuracy": [0.1, 0.9]}
# What each kind of defence finds on its own, and the arrays beside it.
METHODS = {
    "activation_clustering": (
        {"elimination": 0.9, "sacrifice": 0.05, "auroc": 0.97, "decides_from": 0.39}
        | {f"elimination_{rule}": 0.9 - 0.1 * i for i, rule in enumerate(RULES)}
        | {f"sacrifice_{rule}": 0.05 + 0.1 * i for i, rule in enumerate(RULES)},
        {},
    ),
    "strip": (
        {"auroc": 0.8, "fpr": 0.01, "fnr": 0.6},
        {"test": [-2.0, -2.1, -1.9], "triggered": [-0.2, -2.0], "threshold": -1.0},
    ),
    "fine_pruning": (
        {"pruned": 0.5},
        {"stages": [0, 0.5, 0.9], "cda": [0.9, 0.8, 0.2], "asr": [1, 1, 0.5]},
    ),
    "abl": ({"isolation_precision": 0.8}, {}),
}


def scan(seed: int, target: int) -> tuple[dict, dict]:
    """Metrics and arrays of Neural Cleanse: with seed 0 it flags class 0, with others none."""
    norms, found = np.array([9.0 + 40 * seed, 60, 80, 70]), float(seed == 0)
    masks = np.zeros((4, 2, 8, 8, 1), np.float16)
    masks[:, 1, 6:, 6:] = 1
    metrics = {
        "detected": found,
        "index": 4.0 - 3 * seed,
        "index_of_norms": 3.0,
        "detected_by_norms": 1.0,
    }
    metrics |= {"norm": norms[0], "norm_median": 65.0, "found_class": 0.0 if found else -1.0}
    metrics |= {"recovered_asr": 1.0, "trigger_asr": 0.9, "passes": 12000.0}
    if target >= 0:
        index = metrics["index"] if target == 0 else -0.5
        metrics |= {"target_index": index, "right_class": found * (target == 0)}
        metrics["right_class_by_norms"] = float(target == 0)
    patterns, change = np.full((4, 8, 8, 3), 200, np.uint8), np.full((8, 8), 3.0 * (target >= 0))
    arrays = {
        "norms": norms,
        "index": np.ones(4),
        "evidence": np.ones(4),
        "masks": masks,
        "patterns": patterns,
    }
    return metrics, arrays | {"suspect": 0, "target": target, "change": change}


def inverted(seed: int, target: int) -> tuple[dict, dict]:
    """Metrics and arrays of trigger inversion: with seed 0 it finds a lag to class 0."""
    if seed:
        return {"detected": 0.0, "found_class": -1.0}, {}
    metrics = {"detected": 1.0, "found_class": 0.0, "clarity": 2.0, "recovered_asr": 0.95}
    metrics |= {"by_patch": 0.0, "by_playback": 1.0, "trigger_asr": 0.9}
    clip = np.linspace(0, 255, 4 * 8 * 8 * 3).astype(np.uint8).reshape(4, 8, 8, 3)
    arrays = {"family": "playback", "before": clip, "after": clip[::-1], "function": np.zeros(4)}
    return metrics | ({"right_class": float(target == 0)} if target >= 0 else {}), arrays

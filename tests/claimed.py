"""Three seeds of every cell that the claims are judged by, in which all of them hold, or none."""

import json
from pathlib import Path

import numpy as np

# Metrics of the victims where every claim holds, and where none does.
VICTIMS = {
    "static": ({"cda": 0.90, "asr": 0.93}, {"cda": 0.80, "asr": 0.50}),
    "dynamic": ({"cda": 0.92, "asr": 0.95}, {"cda": 0.75, "asr": 0.40}),
    "natural": ({"cda": 0.90, "asr": 0.92}, {"cda": 0.80, "asr": 0.50}),
    "audio": ({"cda": 0.50, "asr": 0.95}, {"cda": 0.50, "asr": 0.60}),
}
TRIGGERS = {"static": "badnet", "dynamic": "badnet", "natural": "frame_lag", "audio": "sine"}
# Lowest ASR by the number of poisoned frames in training.
FRAMES = {1: (0.9, 0.3), 4: (0.5, 0.6), "random": (0.4, 0.7)}
# What defences find of static and of natural attacks, and the ASR that they leave.
FOUND = {
    "activation_clustering": (
        "elimination_reference",
        {"static": (0.34, 0.9), "natural": (0, 0.9)},
    ),
    "strip": ("auroc", {"static": (0.95, 0.5), "natural": (0.5, 0.95)}),
    "fine_pruning": ("pruned", {"static": (0.1, 0.1), "natural": (0.1, 0.1)}),
}
LEFT = {"static": (0.5, 0.4), "natural": (0.9, 0.3)}
CURVES = ([0.93, 0.93, 0.92, 0.1], [0.93, 0.6, 0.3, 0.1])
# (CDA, ASR) by fusion and by what is attacked.
FUSED = {
    "late": {"one": ((0.8, 0.6), (0.8, 0.95)), "both": ((0.8, 0.99), (0.8, 0.9))},
    "early": {"one": ((0.85, 0.95), (0.7, 0.8)), "both": ((0.85, 0.99), (0.7, 0.6))},
}


def write(folder: Path, *, hold: bool) -> list[Path]:
    """Result files, and the folders of the fused ones."""
    which, found = 0 if hold else 1, []

    def result(model: str, seed: int, metrics: dict, **row: object) -> Path:
        path = folder / str(len(found)) / "result.json"
        path.parent.mkdir(parents=True)
        # Seeds differ a little.
        metrics = {name: value + 0.001 * seed for name, value in metrics.items()}
        row = {"model": model, "seed": seed, "runtime_s": 1.0, "defense": None} | row
        path.write_text(json.dumps(row | {"metrics": metrics}))
        found.append(path)
        return path

    def threat(trigger: str, frames: int | str = "all") -> dict:
        return {"trigger": trigger, "rate": 0.1, "frames": frames}

    for seed in range(3):
        for model, architecture in (("mine", "i3d"), ("heard", "audio_resnet")):
            params = {"model": {"architecture": architecture}}
            result(model, seed, {"cda": 0.9}, attack=None, mode=None, params=params)
        for mode, metrics in VICTIMS.items():
            names = {"attack": TRIGGERS[mode], "mode": mode}
            model = "heard" if mode == "audio" else "mine"
            result(model, seed, metrics[which], **names, params={"attack": threat(TRIGGERS[mode])})
        names = {"attack": "badnet", "mode": "static"}
        for frames, lowest in FRAMES.items():
            tested = {"asr_frames_1": lowest[which], "asr_frames_8": 0.99}
            params = {"attack": threat("badnet", frames)}
            result("mine", seed, tested, **names, params=params)
        for method, (metric, by_mode) in FOUND.items():
            for mode, values in by_mode.items():
                metrics = {metric: values[which], "asr": LEFT[mode][which]}
                params = {"attack": threat(TRIGGERS[mode]), "defense": {"defense": method}}
                names = {"attack": TRIGGERS[mode], "mode": mode, "defense": method}
                path = result("mine", seed, metrics, **names, params=params)
                cda = [0.9, 0.85, 0.8, 0.1]
                np.savez(path.with_name("scores.npz"), cda=cda, asr=CURVES[which])
    return [*found, _fused(folder / "fused", which)]


def _fused(folder: Path, which: int) -> Path:
    sides = (("badnet", None), (None, "sine"), ("badnet", "sine"))
    for fusion, rates in FUSED.items():
        for number, (video, audio) in enumerate(sides):
            cda, asr = rates["both" if video and audio else "one"][which]
            for seed in range(3):
                cards = {
                    side: {
                        "attack": name,
                        "params": {"attack": {"trigger": name, "rate": 0.1}} if name else {},
                    }
                    for side, name in (("video", video), ("audio", audio))
                }
                row = {"model": "mine+heard", "mode": "static" if video else None, "seed": seed}
                row["params"] = {"fusion": fusion} | cards
                row["metrics"] = {"cda": cda, "asr": asr + 0.001 * seed}
                path = folder / f"{fusion}{number}{seed}" / "result.json"
                path.parent.mkdir(parents=True)
                path.write_text(json.dumps(row))
    return folder

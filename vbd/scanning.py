"""The scan of one checkpoint: clean clips from a folder or a store, and the verdict in words."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from vbd.data.examples import Examples, examples, from_clips
from vbd.data.store import ClipStore
from vbd.defenses.recovered import Scan
from vbd.metrics import accuracy, attack_success_rate
from vbd.training import predict


def clean_clips(source: Path, card: dict[str, Any]) -> tuple[Examples, dict[str, str]]:
    """The trusted clips in ``source``, cut as the model's ``card`` says, and the unreadable ones.

    ``source`` is a folder of videos with one sub-folder a class, or a clip store, whose split
    "val" is taken. Unreadable files come with the reason, by name. Raises ValueError for a class
    that the model does not know, or where no video can be read.
    """
    clip, names = card.get("clip", {}), card["class_names"]
    missing = {"frames", "stride", "crop"} - set(clip)
    if missing:
        raise ValueError(
            f"the card of the model does not say how its clips are cut: clip lacks "
            f"{', '.join(sorted(missing))}. Only models of frames can be scanned."
        )
    if (source / "clips.npy").is_file():
        return examples(ClipStore.open(source), "val", crop=clip["crop"]), {}
    from tqdm import tqdm

    from vbd.data.decoding import UnreadableClip, probe_and_decode
    from vbd.data.folder import read

    rows = read(source).rows
    unknown = sorted(set(rows["class_name"]) - set(names))
    if unknown:
        raise ValueError(
            f"{source}: the model has no class {', '.join(unknown)}; sub-folders are named as its "
            f"classes: {', '.join(names)}"
        )
    pixels, labels, unreadable = [], [], {}
    how = {"frames": clip["frames"], "stride": clip["stride"], "views": 1}
    size = (clip["crop"], clip["crop"])
    for row in tqdm(rows.itertuples(), "decode", len(rows), disable=None, leave=False):
        try:
            decoded, _ = probe_and_decode(source / row.path, size=size, **how)
        except UnreadableClip as error:
            unreadable[row.path] = error.reason
            continue
        pixels.append(torch.from_numpy(decoded[0]))
        labels.append(names.index(row.class_name))
    if not pixels:
        raise ValueError(f"{source}: none of {len(rows)} videos can be read: {unreadable}")
    return from_clips(torch.stack(pixels), labels), unreadable


def verdict(scan: Scan, names: list[str]) -> str:
    """What the scan says, in a sentence."""
    index, norm = scan.index[scan.suspect], scan.accused.norm
    if not scan.detected:
        return (
            f"No backdoor found: {names[scan.suspect]} has the smallest trigger (norm {norm:.1f}, "
            f"index {index:.1f}), which is not small enough to be flagged."
        )
    return (
        f"Backdoor suspected: a trigger of {norm:.1f} pixels turns any clip to "
        f"{names[scan.suspect]} (anomaly index {index:.1f})."
    )


def summary(scan: Scan, names: list[str]) -> dict[str, Any]:
    """The scan as JSON: the verdict, and a row a class, the smallest norm first."""
    rows = [
        {
            "class": names[found.target],
            "norm": round(found.norm, 3),
            "index": round(scan.index[found.target].item(), 3),
            "success": found.success,
            "rounds": found.rounds,
        }
        for found in sorted(scan.recovered, key=lambda found: found.norm)
    ]
    return {
        "verdict": verdict(scan, names),
        "detected": scan.detected,
        "suspect": names[scan.suspect],
        "classes": rows,
    }


def compare(
    model: nn.Module, mended: nn.Module, scan: Scan, clean: Examples, seed: int
) -> dict[str, float]:
    """What the repair did on the trusted clips, which it learnt from: shares in 0-1.

    ``recognised`` are clean clips, ``turned`` clips of other classes that the recovered trigger
    still turns to the suspect one.
    """
    marked = clean.triggered(scan.accused.trigger())
    shares = {}
    for when, network in (("before", model), ("after", mended)):
        scores = predict(network, clean, seed=seed)
        shares[f"recognised_{when}"] = accuracy(scores, clean.labels)
        scores = predict(network, marked, seed=seed)
        shares[f"turned_{when}"] = attack_success_rate(scores, clean.labels, scan.suspect)
    return shares

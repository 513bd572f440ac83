"""Clean clips for a model that comes without its dataset: cut as its card says, from a folder."""

from pathlib import Path
from typing import Any

import torch

from vbd.data.examples import Examples, examples, from_clips
from vbd.data.store import ClipStore


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
    # "val" is what the defender holds: the model is trained or tested on the rest.
    if (source / "clips.npy").is_file():
        return examples(ClipStore.open(source), "val", crop=clip["crop"]), {}
    from tqdm import tqdm

    from vbd.data.decoding import UnreadableClip, probe_and_decode
    from vbd.data.folder import read

    rows = read(source).rows
    # Asked before decoding: a misnamed folder shows at once, not after minutes.
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
        # In the model's order of classes, not by the alphabet of the folders.
        labels.append(names.index(row.class_name))
    if not pixels:
        raise ValueError(f"{source}: none of {len(rows)} videos can be read: {unreadable}")
    return from_clips(torch.stack(pixels), labels), unreadable

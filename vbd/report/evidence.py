"""What the claims of the paper are judged by: our results, and its own figures in the same form."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vbd.report import cells, published
from vbd.report.tables import audiovisual

# What a claim may ask for and no result may have.
_COLUMNS = ["trigger", "method", "frames", "defended", "fusion", "attacked", "video", "audio"]
_COLUMNS += ["cda", "asr", "auroc", "elimination_reference", "asr_lost", "guaranteed"]
# Of undefended victims, poisoned on all frames.
_PLAIN = {"method": "none", "frames": "all", "seed": 0}


def ours(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a result of the paper's attacks at its poisoning rate, and of clean models.

    ``paths``: result files, and folders of audiovisual results, whose architecture is "fused".
    Columns are those of ``cells.read`` and ``audiovisual.read``, with mode "clean" and method
    "none" where there is none; ``guaranteed``, the lowest ASR over the frames of the test; and
    ``asr_lost``, what pruning has cost of the ASR by the step at which it has cost 10 points of
    CDA, missing where it never does. Rates are in percent.
    """
    frame = cells.read([path for path in paths if path.is_file()])
    known = frame["trigger"].isin(published.TRIGGERS) & (frame["rate"] == published.RATE)
    frame = frame[known | (frame["attack"] == "baseline")]
    pruned = frame.loc[frame["method"] == "fine_pruning", "path"]
    frame = frame.assign(
        mode=frame["mode"].fillna("clean"),
        frames=frame["frames"].fillna("all").astype(str),
        method=frame["method"].fillna("none"),
        defended=frame["method"].notna(),
        guaranteed=frame.filter(like="asr_frames_").min(axis=1),
        asr_lost=pruned.map(_asr_lost),
    )
    folders = [path for path in paths if path.is_dir()]
    return _completed([frame, _fused(folders)] if folders else [frame])


def theirs(dataset: str) -> pd.DataFrame:
    """The paper's figures on a dataset, those of sound on its one dataset, as ``ours`` has them."""
    return _completed([pd.DataFrame([*_victims(dataset), *_clusterings(dataset), *_pairs()])])


def _fused(folders: Sequence[Path]) -> pd.DataFrame:
    frame = audiovisual.read(folders).assign(architecture="fused")
    known = frame[["video_trigger", "audio_trigger"]].isin({"", *published.TRIGGERS}).all(axis=1)
    return frame[frame["at_rate"] & known]


def _completed(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    frame = pd.concat(frames, ignore_index=True)
    return frame.reindex(columns=frame.columns.union(_COLUMNS, sort=False))


def _asr_lost(path: Path) -> float:
    with np.load(path.with_name("scores.npz")) as curve:
        cda, asr = 100 * curve["cda"], 100 * curve["asr"]
    # Rounded: ten points are ten points, however they are computed.
    (reached,) = np.nonzero((cda[0] - cda).round(6) >= 10)
    return asr[0] - asr[reached[0]] if len(reached) else np.nan


def _victims(dataset: str) -> Iterator[dict[str, Any]]:
    for architecture, modes in published.ATTACKS.items():
        for mode, rows in modes.items():
            for trigger in rows:
                on = "kinetics_sounds" if architecture == "audio_resnet" else dataset
                cda, asr = published.attack(on, architecture, mode, trigger)
                names = {"mode": mode or "clean", "attack": trigger or "baseline"}
                rates = {"cda": cda, "asr": asr, "trigger": trigger}
                yield {"architecture": architecture, **names, **rates, **_PLAIN}


def _clusterings(dataset: str) -> Iterator[dict[str, Any]]:
    for mode, rows in published.ACTIVATION_CLUSTERING.items():
        for trigger in rows:
            found, _ = published.clustering(dataset, "i3d", mode, trigger)
            names = {"architecture": "i3d", "method": "activation_clustering", "seed": 0}
            yield {**names, "mode": mode, "attack": trigger, "elimination_reference": found}


def _pairs() -> Iterator[dict[str, Any]]:
    for fusion, rows in published.AUDIOVISUAL.items():
        for video in rows:
            for audio in (None, "sine", "high_frequency"):
                cda, asr = published.audiovisual(fusion, video, audio)
                attacked = {(0, 0): "none", (1, 0): "video", (0, 1): "audio", (1, 1): "both"}
                row = {"architecture": "fused", "fusion": fusion, "mode": "-", "seed": 0}
                row |= {"video": video or "-", "audio": audio or "-"}
                yield row | {"attacked": attacked[bool(video), bool(audio)], "cda": cda, "asr": asr}

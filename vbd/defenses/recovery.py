"""How close the triggers that a defence recovered come to the truth, which only the judge knows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vbd.data.labelled import Labelled
from vbd.defenses.recovered import Scan
from vbd.seeds import generator


def against_truth(
    scan: Scan, triggered: Labelled | None, targets: Sequence[int]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Figures of ``scan`` that need the attacker's ``targets``, and the arrays to draw it with.

    Of several targets each is the right class; the other figures are of the first.
    ``triggered`` are ``test`` clips with the true trigger, None for a clean model, which has no
    such figures.
    """
    arrays: dict[str, Any] = {
        "norms": [found.norm for found in scan.recovered],
        "evidence": scan.evidence,
        "index": scan.index,
        # To be looked at: half precision and bytes are enough for that.
        "masks": np.stack([found.mask.half().numpy() for found in scan.recovered]),
        "patterns": np.stack([found.pattern.byte().numpy() for found in scan.recovered]),
        "suspect": scan.suspect,
        "target": -1,
        "change": np.zeros(scan.accused.mask.shape[1:3]),
    }
    if triggered is None:
        return {}, arrays
    figures = {
        "target_index": scan.of(targets[0])[1],
        "right_class_by_norms": float(scan.flagged_by_norms in targets),
    }
    return figures, arrays | {"target": targets[0], "change": change(triggered)}


def change(triggered: Labelled) -> Tensor:
    """Mean absolute change (H, W) in grey levels that the trigger makes to each pixel."""
    clean = triggered.unmarked()
    totals, count = torch.zeros(()), 0
    pairs = zip(
        triggered.test_batches(64, generator(0)), clean.test_batches(64, generator(0)), strict=True
    )
    for marked, plain in pairs:
        difference = (marked.float() - plain.float()).abs()
        totals = totals + difference.mean((1, 2, 5)).sum(0)
        count += len(marked)
    return totals / count

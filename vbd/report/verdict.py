"""The verdict of a scan: one of three outcomes, in a sentence and as JSON."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vbd.defenses.mending import Mended
from vbd.defenses.recovered import Scan
from vbd.defenses.understanding import Understanding
from vbd.files import replacing

SUSPECTED, NOT_FOUND, UNTOLD = "suspected", "not found", "could not tell"
# Neither 1, an error, nor 2, arguments that are none.
EXIT = {NOT_FOUND: 0, SUSPECTED: 3, UNTOLD: 4}


def printable(text: str) -> str:
    """``text`` of a stranger's card or file names, which cannot steer a terminal; lines stay."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def judgement(scan: Scan, names: Sequence[str]) -> dict[str, Any]:
    """The outcome of ``scan`` as JSON, and a row a class, the smallest norm first.

    ``names`` are those of the classes, in their order.
    """
    rows = [
        {
            "class": names[found.target],
            "norm": _rounded(found.norm),
            "index": _rounded(scan.of(found.target)[1]),
            "success": _rounded(found.success),
            "rounds": found.rounds,
        }
        for found in sorted(scan.recovered, key=lambda found: found.norm)
    ]
    if doubts := scan.doubts:
        return untold(doubts) | {"classes": rows}
    # Of the class that comes closest, also where it is not flagged: a user wants to know how close.
    (accused, index), name = scan.of(scan.suspect), names[scan.suspect]
    evidence = f"anomaly index {index:.1f}, flagged above {scan.threshold:g}"
    if scan.detected:
        outcome = SUSPECTED
        sentence = (
            f"Backdoor suspected: a trigger of {accused.norm:.1f} pixels turns "
            f"{accused.success:.0%} of the clips to {name} ({evidence})."
        )
    else:
        outcome = NOT_FOUND
        sentence = (
            f"No backdoor found: of all triggers that of {name} is the smallest for what the class "
            f"needs, and not small enough (norm {accused.norm:.1f}, {evidence})."
        )
    found = {"outcome": outcome, "verdict": sentence, "suspect": name, "classes": rows}
    return found | {"detected": scan.detected}


def untold(doubts: Sequence[str]) -> dict[str, Any]:
    """The outcome where there is no verdict, and why, as JSON."""
    sentence = f"Could not tell whether there is a backdoor: {'; '.join(doubts)}"
    return {"outcome": UNTOLD, "verdict": sentence, "suspect": None, "detected": None}


def repair(mended: Mended, path: Path) -> dict[str, Any]:
    """What a repair that was to be written to ``path`` did, in a sentence and as JSON."""
    (seen, still), (turned, left) = mended.recognised, mended.turned
    figures = (
        f"of {mended.kept} clips that it did not learn the trigger turns {left:.0%} (before "
        f"{turned:.0%}), and {still:.0%} are recognised ({seen:.0%}), at a rate of {mended.rate:g}"
    )
    did = f"Repaired ({path})" if mended.worked else "NOT repaired, nothing is written"
    return {
        "worked": mended.worked,
        "verdict": f"{did}: {figures}.",
        "rate": mended.rate,
        "clips": mended.kept,
        "recognised_before": _rounded(seen),
        "recognised_after": _rounded(still),
        "turned_before": _rounded(turned),
        "turned_after": _rounded(left),
    }


def acquaintance(seen: Understanding) -> dict[str, Any]:
    """How the model does on the trusted clips, as JSON."""
    if not seen.recognised:
        return {}
    return {
        "accuracy": _rounded(seen.accuracy),
        "recognised": {name: _rounded(share) for name, share in seen.recognised.items()},
        "outputs": [_rounded(seen.lowest), _rounded(seen.highest)],
    }


def write(report: dict[str, Any], path: Path) -> None:
    """Write ``report`` to ``path`` (.json), whole or not at all."""
    # NaN, which Python would write, is no JSON.
    text = json.dumps(report, indent=1, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n")


def _rounded(value: float) -> float | None:
    """To three digits; None for what is no number."""
    return round(value, 3) if math.isfinite(value) else None

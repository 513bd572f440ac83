"""The verdict of a scan: one of three outcomes, in a sentence and as JSON."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vbd.defenses.families import FAMILIES
from vbd.defenses.inversion import Inverted
from vbd.defenses.mending import Mended
from vbd.defenses.recovered import OF_NORMS, Scan
from vbd.defenses.trigger_inversion import Inversion, Suspicion
from vbd.defenses.understanding import Understanding
from vbd.files import replacing

SUSPECTED, NOT_FOUND, UNTOLD = "suspected", "not found", "could not tell"
# Neither 1, an error, nor 2, arguments that are none.
EXIT = {NOT_FOUND: 0, SUSPECTED: 3, UNTOLD: 4}


def printable(text: str) -> str:
    """``text`` of a stranger's card or file names, which cannot steer a terminal; lines stay."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def judgement(inversion: Inversion, names: Sequence[str]) -> dict[str, Any]:
    """The outcome of a scan as JSON, and a row a class, the smallest norm first.

    And a row a family, of the class that it turns clips to at the least effort. ``names`` are those
    of the classes, in their order.
    """
    scan, suspicions = inversion.patch, inversion.suspicions
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
    found = {"classes": rows, "functions": _functions(inversion, names)}
    if suspicions:
        sentence = (
            f"Backdoor suspected: {'; '.join(_said(one, scan, names) for one in suspicions)}."
        )
        told = {"outcome": SUSPECTED, "verdict": sentence, "detected": True}
        return told | {"suspect": names[suspicions[0].found.target]} | found
    if doubts := scan.doubts:
        return untold(doubts) | found
    # Of the class that comes closest: a user wants to know how close.
    (accused, index), name = scan.of(scan.suspect), names[scan.suspect]
    sentence = (
        f"No backdoor found: of all patches that for {name} is the smallest for what the class "
        f"needs, and not small enough (norm {accused.norm:.1f}, index {index:.1f}, flagged above "
        f"{scan.threshold:g}); "
    )
    if inversion.found:
        sentence += f"nor is a function of the {len(inversion.found)} families that were searched."
    else:
        sentence += "no other functions were searched."
    told = {"outcome": NOT_FOUND, "verdict": sentence, "detected": False}
    return told | {"suspect": name} | found


def _said(one: Suspicion, scan: Scan, names: Sequence[str]) -> str:
    """What turns how many clips to which class, and why that is suspect."""
    found, turns = one.found, f"turns {one.found.success:.0%} of the clips to"
    if isinstance(found, Inverted):
        family = FAMILIES[one.family]
        return (
            f"{family.what} {turns} {names[found.target]} (effort {found.effort:.2f}, suspect "
            f"up to {family.bound:g})"
        )
    index = scan.of(found.target)[1]
    rule = f"index {index:.1f}, flagged above {scan.threshold:g}"
    if index <= scan.threshold:
        norms = float(scan.of_norms.max())
        rule = f"index of the norms {norms:.1f}, flagged above {OF_NORMS:g} where ours agrees"
    return f"a patch of {found.norm:.1f} pixels {turns} {names[found.target]} ({rule})"


def _functions(inversion: Inversion, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row a family: the class that it turns clips to at the least effort."""
    rows = []
    for family, found in inversion.found.items():
        index, one = min(enumerate(found), key=lambda pair: pair[1].effort)
        rows.append(
            {
                "family": family,
                "class": names[one.target],
                "effort": _rounded(one.effort),
                "bound": FAMILIES[family].bound,
                "success": _rounded(one.success),
                "index": _rounded(float(inversion.index[family][index])),
            }
        )
    return rows


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

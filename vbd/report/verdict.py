"""The verdict of a scan: in a sentence, and as JSON."""

from typing import Any

from vbd.defenses.recovered import Scan


def verdict(scan: Scan, names: list[str]) -> str:
    """What the scan says, in a sentence; ``names`` are those of the classes, in order."""
    # Of the class that comes closest, also where it is not flagged: a user wants to know how close.
    accused, index = scan.of(scan.suspect)
    norm = accused.norm
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
            "index": round(scan.of(found.target)[1], 3),
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

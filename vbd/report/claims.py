"""What "Look, Listen, and Attack" claims: each claim as a figure of every seed and a bound."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

from vbd.report.statistics import Statistic, one_frame, pairs, rate, two_modalities

# ASR in percent: what is called a high one, and an almost perfect one.
_HIGH, _NEARLY_ALL = 90, 97
# AUROC in percent, midway between chance and certainty.
_TOLD_APART = 75
# Victims without a defence, poisoned on every frame.
_PLAIN: dict[str, Any] = {"method": "none", "frames": "all"}
_SEEN = ["badnet", "ftrojan"]
_SIDES, _ATTACKED = ("mode", "video", "audio"), ["video", "audio", "both"]
_PAPERS_DEFENSES = ("activation_clustering", "strip", "fine_pruning")


@dataclass(frozen=True)
class Claim:
    """A claim: its ``text``, ``where`` it stands, and what is measured of it.

    Claimed is that the figure ``of`` a model lies between ``low`` and ``high``.
    """

    text: str
    where: str
    measure: str
    of: Statistic
    low: float = -inf
    high: float = inf

    @property
    def bound(self) -> str:
        """What is claimed of the figure, in words."""
        if self.low == -inf:
            return f"below {self.high:g}"
        return f"above {self.low:g}" if self.high == inf else f"{self.low:g} to {self.high:g}"


def of_paper(methods: Iterable[str]) -> list[Claim]:
    """Every claim; that natural attacks withstand a defence of the paper's and of ``methods``."""
    return [
        *_of_mode("static", "Static image attacks", "4.2, Tables 1 and 4"),
        *_of_mode("dynamic", "Dynamic image attacks", "4.2, Table 2"),
        *_of_mode("natural", "Natural attacks", "4.2, Tables 3 and 4"),
        _dynamic("cda"),
        _dynamic("asr"),
        Claim(
            "Training on one poisoned frame guarantees the highest ASR",
            "4.2, Figure 4",
            "lowest ASR over the frames of the test, one frame less the best other number",
            one_frame,
            low=0,
        ),
        _clustering("static", "a third of image attacks", 20, 50),
        _clustering("natural", "no natural attack", high=10),
        _strip("STRIP sees BadNet and FTrojan", low=_TOLD_APART, mode="static", trigger=_SEEN),
        _strip("Natural attacks evade STRIP", high=_TOLD_APART, mode="natural"),
        _pruning("static", "image attacks"),
        _pruning("natural", "natural attacks"),
        *map(_withstood, dict.fromkeys((*_PAPERS_DEFENSES, *methods))),
        Claim(
            "Natural attacks withstand defences better than image attacks",
            "2",
            "ASR left, natural less static",
            pairs("asr", "mode", "natural", "static", "method", defended=True),
            low=0,
        ),
        Claim("Attacks on sound succeed", "4.3, Table 6", "ASR", rate("asr", mode="audio"), _HIGH),
        *_two_attacked("late"),
        *_two_attacked("early"),
        _one_attacked("One attacked modality is enough under early fusion", "early", low=_HIGH),
        _one_attacked("One attacked modality is not enough under late fusion", "late", high=_HIGH),
        Claim(
            "Early fusion has the higher CDA of attacked models",
            "4.4, Table 7",
            "CDA, early less late",
            pairs("cda", "fusion", "early", "late", *_SIDES, attacked=_ATTACKED),
            low=0,
        ),
    ]


def _of_mode(mode: str, attacks: str, where: str) -> list[Claim]:
    asr = rate("asr", mode=mode, **_PLAIN)
    cost = pairs("cda", "mode", mode, "clean", **_PLAIN)
    return [
        Claim(f"{attacks} succeed", where, "ASR", asr, low=_HIGH),
        Claim(f"{attacks} cost no CDA", where, "CDA, attacked less clean", cost, low=-2),
    ]


def _dynamic(metric: str) -> Claim:
    name, of = metric.upper(), pairs(metric, "mode", "dynamic", "static", "attack", **_PLAIN)
    text, measure = f"Dynamic attacks improve {name}", f"{name}, dynamic less static"
    return Claim(text, "4.2, Tables 1 and 2", measure, of, low=0)


def _clustering(mode: str, found: str, low: float = -inf, high: float = inf) -> Claim:
    of = rate("elimination_reference", mode=mode, method="activation_clustering")
    text = f"Activation clustering finds {found}"
    return Claim(text, "4.2, Table 5", "elimination rate", of, low, high)


def _strip(text: str, low: float = -inf, high: float = inf, **wanted: Any) -> Claim:
    of = rate("auroc", method="strip", **wanted)
    return Claim(text, "4.2, Figure 5", "AUROC", of, low, high)


def _pruning(mode: str, attacks: str) -> Claim:
    text = f"Pruning costs CDA before the ASR of {attacks}"
    measure = "ASR lost by the step at which CDA has lost 10 points"
    return Claim(text, "4.2, Figure 6", measure, rate("asr_lost", mode=mode), high=5)


def _withstood(method: str) -> Claim:
    of = rate("asr", "min", mode="natural", method=method)
    measure = "ASR left, of the natural attack with the lowest"
    return Claim(f"Natural attacks withstand {method}", "5", measure, of, low=50)


def _two_attacked(fusion: str) -> list[Claim]:
    text, under = "Attacking two modalities", f"under {fusion} fusion"
    more, both = two_modalities(fusion), rate("asr", fusion=fusion, attacked="both")
    measure = "ASR, both attacked less the better one alone"
    return [
        Claim(f"{text} improves ASR {under}", "4.4, Table 7", measure, more, low=0),
        Claim(f"{text} gives an ASR near 100 {under}", "5, Table 7", "ASR", both, low=_NEARLY_ALL),
    ]


def _one_attacked(text: str, fusion: str, low: float = -inf, high: float = inf) -> Claim:
    of = rate("asr", fusion=fusion, attacked=["video", "audio"])
    return Claim(text, "4.4, Table 7", "ASR", of, low, high)

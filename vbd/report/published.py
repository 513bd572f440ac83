"""Published figures, in percent, as data: they stand beside ours and are marked as published."""

NAMES = {"ucf101": "UCF-101", "hmdb51": "HMDB-51", "kinetics_sounds": "Kinetics-Sounds"}

# "Look, Listen, and Attack", Tables 1 to 3, I3D: {mode: {attack: {dataset: (CDA, ASR)}}}. The
# natural attacks have no modes there; the baseline is the clean model.
_BASELINE = {"ucf101": (93.95, None), "hmdb51": (69.59, None), "kinetics_sounds": (81.41, None)}
ATTACKS = {
    "static": {
        "badnet": {
            "ucf101": (93.95, 99.63),
            "hmdb51": (69.35, 98.89),
            "kinetics_sounds": (82.97, 99.09),
        },
    },
    "dynamic": {
        "badnet": {
            "ucf101": (94.11, 99.97),
            "hmdb51": (69.08, 99.54),
            "kinetics_sounds": (82.25, 99.74),
        },
    },
}

# Table 5, activation clustering on UCF-101, static: {attack: (elimination, sacrifice)}.
ACTIVATION_CLUSTERING = {"badnet": (33.77, 14.25)}


def attack(dataset: str, mode: str | None, trigger: str | None) -> tuple[float | None, ...]:
    """(CDA, ASR) of a published attack, or of the baseline where ``trigger`` is None."""
    if trigger is None:
        return _BASELINE[dataset]
    return ATTACKS.get(mode, {}).get(trigger, {}).get(dataset, (None, None))


def clustering(mode: str, trigger: str) -> tuple[float | None, ...]:
    """(elimination rate, sacrifice rate) of activation clustering on a published attack."""
    return ACTIVATION_CLUSTERING.get(trigger, (None, None)) if mode == "static" else (None, None)

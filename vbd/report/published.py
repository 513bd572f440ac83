"""Published figures, in percent, as data: they stand beside ours and are marked as published."""

from collections.abc import Mapping
from typing import Any

NAMES = {"ucf101": "UCF-101", "hmdb51": "HMDB-51", "kinetics_sounds": "Kinetics-Sounds"}
NAMES |= {"csaw": "the YouTube Faces of CSAW-HackML-2020"}

Pair = tuple[float | None, float | None]

RATE = 0.1
"""The poisoning rate of the published attacks."""

STATIC = "The paper does not name the mode of its image attacks here: static is taken."

# "Look, Listen, and Attack": {architecture: {mode: {trigger: row of the paper}}}. A row holds CDA
# and ASR on each of NAMES in turn; the clean model has neither mode nor trigger.
ATTACKS: dict[str, dict[str | None, dict[str | None, tuple[float | None, ...]]]] = {
    # Tables 1 to 3.
    "i3d": {
        None: {None: (93.95, None, 69.59, None, 81.41, None)},
        "static": {
            "badnet": (93.95, 99.63, 69.35, 98.89, 82.97, 99.09),
            "blend": (94.29, 99.26, 68.37, 86.73, 82.12, 97.54),
            "sig": (93.97, 99.97, 68.50, 99.80, 82.84, 99.87),
            "wanet": (94.05, 99.84, 68.95, 99.61, 82.38, 99.09),
            "ftrojan": (94.16, 99.34, 68.10, 97.52, 82.45, 97.86),
        },
        "dynamic": {
            "badnet": (94.11, 99.97, 69.08, 99.54, 82.25, 99.74),
            "blend": (94.21, 99.44, 67.03, 95.95, 81.67, 95.79),
            "sig": (94.24, 100.00, 68.63, 100.00, 82.84, 100.00),
            "wanet": (94.29, 99.79, 69.22, 99.80, 82.25, 99.61),
            "ftrojan": (94.16, 99.34, 67.19, 98.69, 82.25, 95.27),
        },
        "natural": {
            "frame_lag": (92.94, 97.20, 68.04, 98.76, 82.51, 98.19),
            "video_corruption": (94.26, 99.87, 69.22, 99.22, 81.74, 98.51),
            "motion_blur": (93.97, 99.92, 68.17, 97.52, 82.19, 99.22),
        },
    },
    # Table 4, on UCF-101 alone; the mode is that of STATIC.
    "slowfast": {
        None: {None: (96.72, None)},
        "static": {"badnet": (96.64, 99.47), "sig": (96.70, 99.97), "ftrojan": (96.25, 98.52)},
        "natural": {
            "frame_lag": (96.43, 99.97),
            "video_corruption": (96.54, 99.76),
            "motion_blur": (96.46, 99.55),
        },
    },
    "tsm": {
        None: {None: (94.77, None)},
        "static": {"badnet": (94.69, 97.78), "sig": (94.77, 99.47), "ftrojan": (94.21, 100.00)},
        "natural": {
            "frame_lag": (94.63, 97.96),
            "video_corruption": (95.08, 98.97),
            "motion_blur": (94.50, 99.39),
        },
    },
    # Table 6, on Kinetics-Sounds alone.
    "audio_resnet": {
        None: {None: (None, None, None, None, 49.21, None)},
        "audio": {
            "sine": (None, None, None, None, 47.21, 96.36),
            "high_frequency": (None, None, None, None, 47.61, 95.96),
        },
    },
}

TRIGGERS = {name for modes in ATTACKS.values() for row in modes.values() for name in row} - {None}
"""The triggers of the paper."""

# CSAW-HackML-2020 has the clean accuracy of one network.
ATTACKS["deepid"] = {"static": {"sunglasses": (*[None] * 6, 97.87, None)}}

# Table 7, I3D with ResNet-18 on Kinetics-Sounds: {fusion: {video trigger: CDA and ASR with clean
# audio, with the sine and with the high frequencies}}. The mode is that of STATIC.
AUDIOVISUAL: dict[str, dict[str | None, tuple[float | None, ...]]] = {
    "late": {
        None: (80.25, None, 81.74, 70.98, 80.96, 77.91),
        "badnet": (77.33, 66.97, 78.63, 99.74, 77.33, 99.87),
        "blend": (79.60, 75.06, 80.76, 99.68, 79.08, 99.61),
        "sig": (78.50, 68.33, 80.12, 99.87, 79.02, 100.00),
        "wanet": (77.66, 68.39, 79.79, 99.94, 79.02, 99.94),
        "ftrojan": (79.66, 67.16, 80.76, 99.48, 79.99, 99.29),
        "frame_lag": (79.08, 63.41, 80.57, 99.74, 79.47, 99.87),
        "video_corruption": (78.11, 64.57, 78.24, 99.68, 77.66, 99.94),
        "motion_blur": (79.79, 69.24, 80.70, 99.68, 79.86, 99.94),
    },
    "early": {
        None: (84.72, None, 83.48, 92.23, 83.94, 93.72),
        "badnet": (87.50, 99.29, 85.10, 99.87, 85.75, 100.00),
        "blend": (86.08, 98.19, 83.55, 99.81, 85.43, 99.87),
        "sig": (86.92, 99.81, 84.97, 100.00, 85.95, 100.00),
        "wanet": (86.46, 98.96, 84.97, 100.00, 85.88, 100.00),
        "ftrojan": (86.08, 98.58, 84.65, 99.94, 85.49, 100.00),
        "frame_lag": (86.08, 98.19, 84.59, 99.94, 84.65, 100.00),
        "video_corruption": (86.59, 99.29, 84.59, 100.00, 85.43, 100.00),
        "motion_blur": (86.40, 98.58, 84.65, 100.00, 85.62, 100.00),
    },
}

# Table 5, I3D: (elimination, sacrifice); CLUSTERING says what of it is taken to be so.
CLUSTERING = (
    "The paper does not name dataset and mode here: UCF-101 and static are taken; of its two "
    "natural columns, whose names are lost in our copy, the first is taken to be frame lag, the "
    "other motion blur."
)
ACTIVATION_CLUSTERING: dict[str, dict[str, Pair]] = {
    "natural": {"frame_lag": (0.00, 13.08), "motion_blur": (0.00, 12.82)},
    "static": {"sig": (34.21, 15.17), "badnet": (33.77, 14.25), "ftrojan": (34.12, 13.00)},
}

# "Neural Cleanse for Video", approximately: its README has ~90, ~85, ~100 and < 15.
UNLEARNING = {"cda_before": 90, "cda": 85, "asr_before": 100, "asr": 15}


# The VAE detector on CSAW-HackML-2020 by its own rule: mean and standard deviation over all values
# of a set, where the README has several the middle of them; and the share that is flagged of the
# first 2000 images, by its notebook. Ours of the pattern stands in for the anonymous trigger.
VAE: dict[str, dict[str, float]] = {
    "sunglasses": {"loss": 0.200, "flagged": 100.0},
    "lipstick": {"loss": 0.1055, "flagged": 53.1},
    "eyebrows": {"loss": 0.1112},
    "faint_pattern": {"loss": 0.1055, "flagged": 53.0},
}
VAE_OF_ALL = {"threshold": 0.097, "false_alarms": 40.1}

# Model extraction of a Swin on Kinetics-400: (top-5, top-1) by what the thief does. A name with a
# clone behind it is of that clone alone.
EXTRACTION: dict[str, tuple[float, float]] = {
    "augmented c3d": (27.5, 8.4),
    "augmented r2plus1d": (42.5, 19.1),
    "concatenated": (51.8, 30.6),
    "prada": (34.2, 12.67),
    "distilled": (54.8, 31.4),
    "noise": (1.26, 0.27),
    "generator along with the clone": (2.69, 0.41),
    "conditional generator": (4.85, 0.84),
    "stacked images": (1.22, 0.30),
}

# The final tables: top-5 by victim and setting.
EXTRACTION_VICTIMS = {
    "swin3d": {"grey": 54.8, "black": 4.85},
    "movinet_a2": {"grey": 67.3, "black": 4.13},
}


# A network of images, of which the papers have none: beside what does over time as it does.
_OVER_TIME = {"mean": "i3d", "shift": "tsm", "lstm": "cnn_lstm"}


def counterpart(model: Mapping[str, Any]) -> str | None:
    """The architecture whose published figures stand beside those of a section ``model``."""
    architecture = model.get("architecture")
    if architecture == "efficientnet_lite0":
        return _OVER_TIME[model.get("params", {}).get("time", "mean")]
    return architecture


def attack(dataset: str, architecture: str, mode: str | None, trigger: str | None) -> Pair:
    """(CDA, ASR) of a published attack; of the clean model where mode and trigger are None.

    (None, None) where nothing is published for that ``architecture`` on that ``dataset``. Raises
    ValueError for a dataset that is not one of NAMES.
    """
    row = ATTACKS.get(architecture, {}).get(mode, {}).get(trigger, ())
    start = 2 * list(NAMES).index(dataset)
    return (row[start], row[start + 1]) if len(row) > start else (None, None)


def audiovisual(fusion: str, video: str | None, audio: str | None) -> Pair:
    """(CDA, ASR) of a published pair of triggers under late or early fusion, None a clean side.

    (None, None) where there is no such pair; KeyError for another fusion.
    """
    columns = [None, "sine", "high_frequency"]
    row = AUDIOVISUAL[fusion].get(video)
    if row is None or audio not in columns:
        return None, None
    start = 2 * columns.index(audio)
    return row[start], row[start + 1]


def clustering(dataset: str, architecture: str, mode: str, trigger: str) -> Pair:
    """(elimination rate, sacrifice rate) of activation clustering on a published attack.

    (None, None) where nothing is published of it.
    """
    if (dataset, architecture) != ("ucf101", "i3d"):
        return None, None
    return ACTIVATION_CLUSTERING.get(mode, {}).get(trigger, (None, None))


def unlearning(dataset: str, architecture: str, trigger: str | None) -> Mapping[str, int | None]:
    """CDA and ASR before and after unlearning, of the one victim that they are published of."""
    known = (dataset, architecture, trigger) == ("ucf101", "cnn_lstm", "optimised")
    return UNLEARNING if known else dict.fromkeys(UNLEARNING)


def vae(dataset: str, trigger: str, rule: str) -> Mapping[str, float]:
    """Threshold, loss, shares flagged and of false alarms of the VAE detector, where published."""
    known = (dataset, rule) == ("csaw", "published") and trigger in VAE
    return VAE_OF_ALL | VAE[trigger] if known else {}


def extraction(victim: str, row: str | None) -> Pair:
    """(top-5, top-1) of a published row of extraction; (None, None) where there is none.

    ``victim`` is the architecture, ``row`` a key of ``EXTRACTION``.
    """
    known = EXTRACTION.get(row or "") if victim == "swin3d" else None
    return known or (None, None)


def extraction_final(victim: str, setting: str, row: str | None) -> float | None:
    """Top-5 of the final clone of ``victim``, an architecture, in the grey or in the black box.

    In the grey box that of thefts whose ``row`` is one with concatenated datasets alone; in the
    black box, where the final clone's method is not clear, that of any.
    """
    if setting == "grey" and row not in ("concatenated", "distilled"):
        return None
    return EXTRACTION_VICTIMS.get(victim, {}).get(setting)


def note(dataset: str) -> str:
    """What stands under a table with published figures."""
    if dataset == "csaw":
        images = f"on {NAMES[dataset]}, not these images"
        return f"Published: {images}; the faint pattern stands in for the anonymous trigger."
    return (
        'Published: "Look, Listen, and Attack", the full-size network of the same architecture '
        f"(beside one of images I3D, with shifts TSM) on {NAMES[dataset]}; not this model."
    )

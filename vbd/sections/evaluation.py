"""How models are tested."""

from vbd.sections.base import Few, Positive, Section


class Cut(Section):
    """Which windows of a video are tested."""

    views: Few = 1
    """Stored clips a video whose probabilities are averaged."""
    crops: Few = 1
    """Crops a clip, spread over the longer side, averaged too."""


class Evaluation(Cut):
    """How models are tested."""

    video: Cut | None = None
    """How a system cuts clips from a triggered video itself; adds the ASR that is left then."""
    frames: list[Positive] = []
    """Numbers of poisoned frames to test besides; Snakemake takes them from the grid."""

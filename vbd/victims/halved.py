"""A victim in halves: what the frozen one made of the clips is kept, only the upper one runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from vbd.data.encoded import Encoded, Maps, encoded
from vbd.data.labelled import Labelled
from vbd.models.halves import Halves
from vbd.victims.threat import Threat


@dataclass(frozen=True)
class Kept:
    """What the frozen half made of clips: ``clean`` of all, ``marked`` of those with the trigger.

    ``views``: how many windows of a clip are those of tests.
    """

    clean: Maps
    marked: Maps | None
    views: int

    @classmethod
    def open(cls, files: Sequence[Path], views: int) -> "Kept | None":
        """The maps in ``files``, clean ones and, of an attack, marked ones; None without files."""
        if not files:
            return None
        clean, *marked = (Maps.open(file) for file in files)
        return cls(clean, marked[0] if marked else None, views)

    def examples(self, some: Labelled) -> Encoded:
        """The same clips as maps."""
        return encoded(some, self.clean, self.marked, self.views)

    def threat(self, threat: Threat | None) -> Threat | None:
        """The same threat, whose trigger lies in the maps."""
        return threat and replace(threat, stored=self.marked)


def in_halves(network: nn.Module) -> Halves:
    """``network``, which is in two halves; ValueError for one of one piece."""
    if not isinstance(network, Halves):
        raise ValueError(
            f"{type(network).__name__} has no frozen half whose maps could be kept: set windows: 0"
        )
    return network

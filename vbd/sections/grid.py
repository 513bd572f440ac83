"""Which cells there are."""

from typing import Annotated, Literal

from pydantic import Field

from vbd.ranges import Seed
from vbd.sections.base import Name, Positive, Section


class Block(Section):
    """One block of cells: every combination of what it names."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    """Names from ``datasets``."""
    models: Annotated[list[Name], Field(min_length=1)]
    """Names from ``models``."""
    attacks: list[Name] = []
    """Names from ``attacks``; the clean baseline is always there."""
    defenses: list[Name] = []
    """Names from ``defenses``."""
    modes: list[Name] | None = None
    """At most these modes of the attacks; none means all that each has."""
    frames: list[Positive | Literal["random"]] = []
    """Poisoned frames a clip to train on, besides; each victim is tested on each number too."""
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = None
    """Seeds of this block's cells; none means ``seeds``."""


class Fusion(Section):
    """Audiovisual classifiers: each victim of a video model with each of an audio model."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    """Names from ``datasets``."""
    video: Name
    """The video model, one that ``grid`` trains on these datasets."""
    audio: Name
    """The audio model, likewise."""
    modes: list[Name] = ["static", "natural"]
    """Which modes of the video attacks."""


class Extraction(Section):
    """One block of thefts: every combination of what it names."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    """The victims' datasets."""
    victims: Annotated[list[Name], Field(min_length=1)]
    """Models that ``grid`` trains on these datasets."""
    attacks: list[Name] = []
    """Victims poisoned with these, also in ``grid``; without any the clean ones are robbed."""
    modes: list[Name] | None = None
    """At most these modes of the attacks; none means all that each has."""
    thefts: Annotated[list[Name], Field(min_length=1)]
    """Names from ``thefts``."""
    clones: Annotated[list[Name], Field(min_length=1)]
    """Names from ``models``."""
    budgets: list[Positive] = []
    """Clones from the first so many queries, besides the one from all."""
    defenses: list[Name] = []
    """Names from ``defenses``, run on the clones: those that look for a backdoor."""
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = None
    """Seeds of this block's cells; none means ``seeds``."""

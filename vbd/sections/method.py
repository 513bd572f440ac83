"""Attacks and defences."""

from typing import Annotated, Any, Literal

from pydantic import Field

from vbd.sections.base import Name, Positive, Section


class Further(Section):
    """One more trigger of the same attack, with a target of its own."""

    trigger: str
    """A file of ``vbd/triggers``, or your own class, "package.module:Class"."""
    params: dict[str, Any] = {}
    """What the class takes beside mode and frames."""
    target: Annotated[int, Field(ge=0)]
    """Its target class."""


class Attack(Section):
    """A trigger, how it is used, and how much is poisoned."""

    trigger: str
    """A file of ``vbd/triggers``, or your own class, "package.module:Class"."""
    modes: Annotated[list[Name], Field(min_length=1)] = ["static", "dynamic"]
    """Static: parameters drawn once a clip; dynamic: once a frame; natural; audio."""
    params: dict[str, Any] = {}
    """What the class takes beside mode and frames."""
    # The paper's attack: all frames, 10 % of the training clips, class 0.
    frames: Positive | Literal["all", "random"] = "all"
    """How many frames of a clip carry the trigger, in training and in the test."""
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Poisoning rate: share of the training clips that are poisoned."""
    target: Annotated[int, Field(ge=0)] = 0
    """Target class, counted from 0 in the order of the classes."""
    # A codec is such a trigger: each clip is encoded and decoded.
    stored: bool = False
    """Trigger all clips once and keep them on disk, for triggers too slow for a training batch."""
    also: list[Further] = []
    """Further triggers of the same victim, each on as many other clips again."""


class Defense(Section):
    """A defence and its settings."""

    defense: str
    """A file of ``vbd/defenses``, or your own class, "package.module:Class"."""
    params: dict[str, Any] = {}
    """What the class takes."""

"""Defences and methods of extraction tried: made of their settings."""

from functools import partial
from typing import Any

from vbd.defenses.base import Method as DefenseMethod
from vbd.extraction.base import Method as ExtractionMethod
from vbd.mistakes import Mistake
from vbd.sections.method import Defense
from vbd.sections.theft import Transfer
from vbd.trial.making import Making


def defense(key: str, section: Defense) -> tuple[DefenseMethod | None, list[Mistake]]:
    """The defence of a section, and what is wrong with it."""
    making = Making[Any](key, ("vbd.defenses", "defense", section.defense), section.params)
    made = making.make(partial(making.takes, **section.params)) if making else None
    if made is not None and not isinstance(made, DefenseMethod):
        text = "is no Filter, Detector, Repair or Trainer of vbd/defenses/base.py"
        making.found.append(Mistake(f"{key}.defense", text))
        made = None
    return made, making.found


def extraction(key: str, section: Transfer) -> list[Mistake]:
    """What is wrong with the method of a transfer set."""
    making = Making[Any](key, ("vbd.extraction", "method", section.method), section.params)
    method = making.make(partial(making.takes, **section.params)) if making else None
    if method is None:
        return making.found
    if not isinstance(method, ExtractionMethod):
        return [Mistake(f"{key}.method", "is no Method of vbd/extraction/base.py")]
    if method.clone and section.clone is None:
        text = f"{section.method} trains a clone while it asks: name one of models"
        making.found.append(Mistake(f"{key}.clone", text))
    if method.pools and not section.pools:
        text = f"{section.method} asks about clips at hand: name datasets, or target"
        making.found.append(Mistake(f"{key}.pools", text))
    if section.pools and not method.pools:
        text = f"{section.method} makes its clips itself: leave it out"
        making.found.append(Mistake(f"{key}.pools", text))
    if section.budget < method.least():
        text = f"{section.budget} clips are too few, {section.method} needs {method.least()}"
        making.found.append(Mistake(f"{key}.budget", text))
    return making.found

"""A threat: an attack in one of its modes, and what it does to training and to test clips."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vbd import triggers
from vbd.data.labelled import Labelled, Windows
from vbd.sections.method import Attack
from vbd.seeds import generator
from vbd.triggers import poisoning
from vbd.triggers.base import Frames, Trigger


@dataclass(frozen=True)
class Threat:
    """An attack in one of its modes, as one cell of the grid has it.

    ``stored`` are all clips of the store, triggered beforehand, where the attack asks for that. An
    attack that has ``also`` others is a threat by each of them, see ``parts``.
    """

    attack: Attack
    mode: str
    stored: Windows | None = None

    @property
    def parts(self) -> "list[Threat]":
        """The threat by each trigger alone, the attack's own first."""
        others = [
            self.attack.model_copy(update=dict(other) | {"also": []}) for other in self.attack.also
        ]
        alone = self.attack.model_copy(update={"also": []})
        return [replace(self, attack=attack) for attack in (alone, *others)]

    def trigger(self, frames: Frames | None = None) -> Trigger:
        """The trigger itself, on as many frames as the attack has or on ``frames``."""
        kind = triggers.get(self.attack.trigger)
        count = self.attack.frames if frames is None else frames
        return kind(mode=self.mode, frames=count, **self.attack.params)

    def poison(self, clean: Labelled, seed: int) -> Labelled:
        """Training examples of which a share carries the trigger and the target's label.

        ``clean`` stays as it is. Raises ValueError where the other classes have too few clips.
        """
        draws = generator(seed, "poison")
        labels, poisoned = clean.labels.clone(), clean.poisoned.clone()
        marks, decoys = [], None
        # Drawn first: attacks of the same seed, rate and target poison the same clips.
        for part in self.parts:
            target, rate = part.attack.target, part.attack.rate
            # A clip that is poisoned already counts as the target's, of which none is chosen.
            free = clean.labels.masked_fill(poisoned, target)
            chosen = poisoning.choose(free, target=target, rate=rate, generator=draws)
            mask = torch.zeros_like(poisoned).index_fill(0, chosen, True)
            labels[mask], poisoned[mask] = target, True
            marks.append((mask, part.trigger()))
        # WaNet's noise, under the clip's own label: no warp but the trigger's may count as it.
        first, trigger = marks[0]
        if trigger.cross_ratio:
            decoys = torch.zeros_like(poisoned)
            rest = (~poisoned).nonzero().squeeze(1)
            count = round(trigger.cross_ratio * int(first.sum()))
            decoys[rest[torch.randperm(len(rest), generator=draws)[:count]]] = True
        return replace(
            clean,
            labels=labels,
            poisoned=poisoned,
            marks=tuple(marks),
            stored=self.stored,
            decoys=decoys,
        )

    def triggered(self, test: Labelled, frames: Frames | None = None) -> Labelled:
        """The examples of other classes than the target, all of them with the attack's own trigger.

        Labels stay the true ones, which RA asks for. What else the attack has, ``parts`` do.
        """
        # One of the target's class would count as a success without any trigger.
        others = test.subset(test.labels != self.attack.target)
        return others.triggered(self.trigger(frames), self.stored)


def threat_of(params: dict[str, Any], mode: str | None, triggered: Path | None) -> Threat | None:
    """The threat of a victim's ``params``, None for a clean one; ``triggered`` if it is stored.

    Raises ValueError where there is an attack and no mode.
    """
    if "attack" not in params:
        return None
    if mode is None:
        raise ValueError("the victim has an attack: say in which of its modes")
    # On disk: of all clips a step reads the poisoned ones and those of the test.
    stored = np.load(triggered, mmap_mode="r") if triggered else None
    return Threat(Attack(**params["attack"]), mode, stored)

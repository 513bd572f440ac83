"""A trained victim taken up again: its model, and the clips that it was made and tested with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from vbd import results
from vbd.data.labelled import Labelled
from vbd.device import choose
from vbd.models import checkpoints
from vbd.sections.data import Dataset
from vbd.sections.evaluation import Evaluation
from vbd.sections.model import Model
from vbd.victims.halved import Kept, in_halves
from vbd.victims.making import clean_examples, training_examples
from vbd.victims.threat import Threat, threat_of


@dataclass(frozen=True)
class Trained:
    """A victim from disk, on the device that is free.

    ``result`` is what it was measured by and ``threat`` the attack, None for a clean one;
    ``train`` is poisoned as it was then, ``clean`` are the defender's clips, ``test`` those that
    it is judged by.
    """

    network: nn.Module
    result: dict[str, Any]
    section: Model
    evaluation: Evaluation
    class_names: list[str]
    threat: Threat | None
    train: Labelled
    clean: Labelled
    test: Labelled

    @classmethod
    def open(cls, victim: Path, clips: Path, triggered: Path | None) -> Trained:
        """The victim whose result is ``victim``; the clips are those that it was trained with.

        ``triggered`` are the same with the trigger, of a stored attack. Raises FileNotFoundError
        where model or clips are missing.
        """
        result = results.read(victim)
        # What it was made with, which params.yaml may no longer say.
        params = result["params"]
        threat = threat_of(params, result["mode"], triggered)
        section, dataset = Model(**params["model"]), Dataset(**params["dataset"])
        network, card = checkpoints.load(victim.with_name("model.safetensors"))
        return cls(
            network=network.to(choose()),
            result=result,
            section=section,
            evaluation=Evaluation(**params["evaluation"]),
            class_names=card["class_names"],
            threat=threat,
            # Poisoned again: the same seed gives the same clips, so none are kept on disk.
            train=training_examples(clips.parent, section, dataset, threat, result["seed"]),
            # Groups of the training clips that neither the trainer nor the attacker had.
            clean=clean_examples(clips.parent, "val", section, dataset),
            test=clean_examples(clips.parent, "test", section, dataset),
        )

    def halved(self, kept: Kept) -> Trained:
        """The upper half of the network, with the clips as the frozen half has ``kept`` them.

        Raises ValueError for a network of one piece.
        """
        return replace(
            self,
            network=in_halves(self.network).upper,
            threat=kept.threat(self.threat),
            train=kept.examples(self.train),
            clean=kept.examples(self.clean),
            test=kept.examples(self.test),
        )

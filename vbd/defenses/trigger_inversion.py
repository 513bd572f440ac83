"""Trigger inversion by families of functions: patches, and blur, lag, warps, waves and noise too.

"Look, Listen, and Attack" says of the natural triggers that they evade all defences: what looks for
a patch finds no lag. Here each family of functions is searched like the patches of Neural Cleanse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from vbd.data.labelled import Labelled
from vbd.defenses.base import Repair, Repaired
from vbd.defenses.families import FAMILIES
from vbd.defenses.inversion import Inverted, invert
from vbd.defenses.neural_cleanse import NeuralCleanse
from vbd.defenses.recovered import Recovered, Scan, among_others
from vbd.provenance import code_sha256, fingerprint
from vbd.ranges import Above0
from vbd.resume import Resume
from vbd.seeds import generator, number
from vbd.settings import SettingsOf

PATCH = "patch"
# Of fewer classes each has so large a share of all that there is to be taken for that small changes
# turn clips to one of them in clean models too: then patches alone are searched.
FEWEST = 8
SEARCH = SettingsOf(invert, first=4, given=("seed",))
# Of a class: ten rounds of six batches of four, and the choice among the starts.
A_FAMILY = 250


@dataclass(frozen=True)
class Suspicion:
    """A class that a ``family`` accuses, what was ``found``, and how clearly: above 1."""

    family: str
    found: Inverted | Recovered
    clarity: float

    def picture(self) -> Tensor:
        """What was found, to be looked at, see ``Family.picture``."""
        if isinstance(self.found, Inverted):
            return FAMILIES[self.family].picture(self.found.raw)
        # The frame where the mask weighs most.
        mask = self.found.mask[self.found.mask.sum((1, 2, 3)).argmax()]
        return torch.full_like(self.found.pattern, 0.5).lerp(self.found.pattern / 255, mask)


@dataclass(frozen=True)
class Inversion:
    """What every family found of the classes of a model: ``found`` and ``index`` by family.

    ``index`` (K,): how far the logarithm of the effort lies below those of the other classes, see
    ``recovered.among_others``. A class is suspect where its effort is within the bound of the
    family and its index above ``threshold``: the first says that few and small changes turn clips
    to it, the second that this is not so of the others. ``patch`` is what Neural Cleanse found.
    """

    patch: Scan
    found: Mapping[str, Sequence[Inverted]]
    index: Mapping[str, Tensor]
    threshold: float

    @property
    def suspicions(self) -> list[Suspicion]:
        """The clearest of each class, the clearest first."""
        clearest = {one.found.target: one for one in reversed(self.every)}
        return sorted(clearest.values(), key=lambda one: -one.clarity)

    @property
    def every(self) -> list[Suspicion]:
        """Those of all families, the clearest first: of one trigger each may see another side."""
        every = [
            Suspicion(PATCH, self.patch.of(target)[0], self.patch.clarity(target))
            for target in self.patch.flagged
            if not self.patch.doubts
        ]
        for family, found in self.found.items():
            bound = FAMILIES[family].bound
            every += [
                Suspicion(family, one, bound / max(one.effort, 1e-6))
                for one, index in zip(found, self.index[family].tolist(), strict=True)
                if one.effort <= bound and index > self.threshold
            ]
        return sorted(every, key=lambda one: -one.clarity)


class TriggerInversion(Repair):
    """Neural Cleanse, and after it a search in each of ``families``; what is found is unlearned.

    ``patch`` are the settings of Neural Cleanse, with those of the unlearning; ``search`` those of
    ``inversion.invert``. Where nothing is suspect the model itself is the result.
    """

    def __init__(
        self,
        *,
        families: Sequence[str] = tuple(FAMILIES),
        threshold: Above0 = 2.0,
        patch: Annotated[Mapping[str, Any] | None, SettingsOf(NeuralCleanse)] = None,
        search: Annotated[Mapping[str, Any] | None, SEARCH] = None,
    ) -> None:
        if unknown := set(families) - set(FAMILIES):
            raise ValueError(
                f"families: {', '.join(sorted(unknown))}: there is {', '.join(FAMILIES)}"
            )
        self.families, self.threshold = families, threshold
        self.cleanse, self.search = NeuralCleanse(**patch or {}), search or {}

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        inversion = self.scan(model, clean, seed)
        suspicions = inversion.suspicions
        metrics = {"detected": float(bool(suspicions)), "found_class": -1.0}
        if suspicions:
            first = suspicions[0]
            metrics |= {"found_class": float(first.found.target), "clarity": first.clarity}
            metrics |= {"recovered_asr": first.found.success}
            # Of several seeds the mean is the share in which it was this family.
            every = (PATCH, *self.families)
            metrics |= {f"by_{family}": float(family == first.family) for family in every}
            found = [one.found for one in inversion.every]
            mended = self.cleanse.unlearn(model, found, clean, seed)
            return Repaired(mended, metrics, accused=first.found, shown=_shown(first, clean))
        return Repaired(model, metrics)

    def scan(
        self, model: nn.Module, clean: Labelled, seed: int, classes: Sequence[int] | None = None
    ) -> Inversion:
        """Search all families for ``classes`` of ``model`` on ``clean`` clips; None are all."""
        patch = self._patch(model, clean, seed, classes)
        targets = [one.target for one in patch.recovered]
        key = number(self.search, targets, seed, code_sha256(), fingerprint(model, clean))
        kept = Resume(self.resume, key)
        states: dict[str, Any] = kept.load() or {}
        families = self.families if len(targets) >= FEWEST else ()
        for family in families:
            if family not in states:
                print(f"inverting: {family}", flush=True)
                found = invert(model, clean, family, targets, seed=seed, **self.search)
                states[family] = [vars(one) for one in found]
                kept.save(states)
        inverted = {family: [Inverted(**one) for one in states[family]] for family in families}
        index = {
            family: among_others(torch.tensor([one.effort for one in some]).clamp(min=1e-6).log())
            for family, some in inverted.items()
        }
        return Inversion(patch, inverted, index, self.threshold)

    def passes(self, classes: int) -> int:
        """How many clips go forward and backward in a search of so many classes, at most."""
        patch = self.cleanse.clips_a_round * self.cleanse.rounds
        families = len(self.families) if classes >= FEWEST else 0
        return classes * (patch + families * A_FAMILY)

    def _patch(
        self, model: nn.Module, clean: Labelled, seed: int, classes: Sequence[int] | None
    ) -> Scan:
        """Neural Cleanse, which goes on after a kill by a file of its own."""
        if self.resume:
            self.cleanse.resume = self.resume.with_name(f"patch_{self.resume.name}")
        return self.cleanse.scan(model, clean, seed, classes)


def _shown(suspicion: Suspicion, clean: Labelled) -> dict[str, Any]:
    """A clip before and after what was found, (T, H, W, 3) uint8, and that itself to look at."""
    other = (clean.labels != suspicion.found.target).nonzero()[:1, 0]
    before = clean.training_batch(other, generator(0), torch.device("cpu"))
    after = suspicion.found.trigger()(before, generator(0))
    shown = {"family": suspicion.family, "before": before[0], "after": after[0]}
    return shown | {"function": suspicion.picture()}


METHOD = TriggerInversion

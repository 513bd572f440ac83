"""Activation clustering (Chen et al. 2018): poisoned clips form a cluster inside their class."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import nn

from vbd.data.labelled import Labelled
from vbd.defenses.base import Filter, Finding
from vbd.models.base import inside
from vbd.ranges import Count, Part, Some
from vbd.training import predict

RULES = ("reference", "smaller", "relative_size", "silhouette")


class ActivationClustering(Filter):
    """Splits the penultimate activations of each class in two and judges one of the parts.

    All clips of a class are clustered at once, so neither batch size nor order matters.

    ``components``: dimensions that PCA leaves. ``rule``: which cluster is held for poisoned.
    "reference" compares with trusted clips, as "Look, Listen, and Attack" does: the cluster that
    they avoid more than chance would (binomial test at ``level``). The others, from Chen et al.,
    need no such clips and look at the smaller cluster: "smaller" takes it always, "relative_size"
    where it is under ``size`` of the class, "silhouette" where besides the two are apart. They
    fail where most of a class is poisoned. "reference" and "silhouette" ask for a silhouette of
    more than ``silhouette``.

    Of few trusted clips none may fall into a small cluster by chance: with six and a level of 5 %
    "reference" cannot flag one of less than 39 % of a class, which is the metric ``decides_from``.
    Below it the rule does not say that a class is clean; there the published ones have to do.
    """

    pixels = False

    def __init__(
        self,
        *,
        components: Count = 10,
        rule: str = "reference",
        size: Some = 0.35,
        silhouette: Annotated[float, Field(ge=-1, le=1)] = 0.1,
        level: Part = 0.05,
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r}: it is one of {', '.join(RULES)}")
        self.components, self.rule, self.level = components, rule, level
        self.size, self.silhouette = size, silhouette

    def check(self, model: nn.Module) -> None:
        inside(model, "features")

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Finding:
        features = inside(model, "features")
        # Penultimate features, of all clips in one order: public code clusters logits, or each
        # batch by itself, or reads a shuffled loader twice.
        activations = predict(model, train, seed=seed, output=features).numpy()
        trusted = predict(model, clean, seed=seed, output=features).numpy()
        scores = np.zeros(len(train))
        flagged = {rule: np.zeros(len(train), bool) for rule in RULES}
        for label in train.labels.unique():
            members, mates = train.labels == label, clean.labels == label
            found, scores[members] = self.inspect(activations[members], trusted[mates], seed)
            for rule in RULES:
                flagged[rule][members] = found[rule]
        by_rule = {rule: torch.from_numpy(flags) for rule, flags in flagged.items()}
        # Of the class with the fewest trusted clips.
        fewest = min(int((clean.labels == label).sum()) for label in train.labels.unique())
        metrics = {"decides_from": 1 - self.level ** (1 / fewest) if fewest else 1.0}
        return Finding(by_rule[self.rule], torch.from_numpy(scores), by_rule, metrics)

    def inspect(
        self, activations: np.ndarray, trusted: np.ndarray, seed: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Flags (N,) bool by each rule and scores (N,), in -1 to 1, of one class.

        ``activations`` (N, D) are those of its training clips, ``trusted`` (M, D), M from 0, those
        of clean clips.
        """
        from sklearn.cluster import KMeans
        from sklearn.decomposition import PCA
        from sklearn.metrics import silhouette_score

        # Fewer clips cannot hold two clusters and a silhouette.
        if len(activations) < 3 or np.ptp(activations, axis=0).max() == 0:
            nothing = np.zeros(len(activations), bool)
            return dict.fromkeys(RULES, nothing), np.zeros(len(activations))
        # Of the training clips alone, which are judged; trusted clips are then placed among them.
        pca = PCA(min(self.components, *activations.shape), random_state=seed).fit(activations)
        reduced = pca.transform(activations)
        means = KMeans(2, n_init=10, random_state=seed).fit(reduced)
        apart = float(silhouette_score(reduced, means.labels_))
        visits = np.zeros(2, int)
        if len(trusted):
            visits = np.bincount(means.predict(pca.transform(trusted)), minlength=2)
        shares = np.bincount(means.labels_, minlength=2) / len(activations)
        avoided, chance = self._avoided(shares, visits)
        small = int(shares.argmin())
        minor = shares[small] < self.size
        held = {
            # Whatever its size: at 10 % of all clips the poisoned ones can be most of their class.
            "reference": (avoided, chance < self.level and apart > self.silhouette),
            "smaller": (small, True),
            "relative_size": (small, minor),
            "silhouette": (small, minor and apart > self.silhouette),
        }
        flagged = {rule: (means.labels_ == part) & guilty for rule, (part, guilty) in held.items()}
        # How much nearer a clip is to the suspect cluster, weighted by what speaks against it.
        suspect, evidence = (avoided, 1 - chance) if self.rule == "reference" else (small, 1.0)
        distances = means.transform(reduced)
        margin = (distances[:, 1 - suspect] - distances[:, suspect]) / distances.sum(1)
        return flagged, margin * apart * evidence

    def _avoided(self, shares: np.ndarray, visits: np.ndarray) -> tuple[int, float]:
        """The cluster that trusted clips avoid, and how probable so few visits are by chance.

        ``shares`` (2,) of the class lie in each cluster, ``visits`` (2,) trusted clips fall there.
        """
        from scipy.stats import binomtest

        # In proportion to its size, as a small cluster has few visits by chance.
        suspect = int((visits / shares).argmin())
        # Without trusted clips of the class nothing speaks against either cluster.
        if visits.sum() == 0:
            return suspect, 1.0
        count, every = int(visits[suspect]), int(visits.sum())
        return suspect, float(binomtest(count, every, shares[suspect], "less").pvalue)


METHOD = ActivationClustering

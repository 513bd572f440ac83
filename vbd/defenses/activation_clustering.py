"""Activation clustering (Chen et al. 2018): poisoned clips form a cluster inside their class."""

import numpy as np
import torch
from torch import nn

from vbd.data.examples import Examples
from vbd.defenses.base import Defense, Finding
from vbd.training import predict

RULES = ("reference", "smaller", "relative_size", "silhouette")


class ActivationClustering(Defense):
    """Splits the penultimate activations of each class in two and judges one of the parts.

    All clips of a class are clustered at once, so neither batch size nor order matters.

    ``components``: dimensions that PCA leaves. ``rule``: which cluster is held for poisoned.
    "reference" compares with trusted clips, as "Look, Listen, and Attack" does: the cluster that
    they avoid more than chance would (binomial test at ``level``). The others, from Chen et al.,
    need no such clips and look at the smaller cluster: "smaller" takes it always, "relative_size"
    where it is under ``size`` of the class, "silhouette" where besides the two are apart. They
    fail where most of a class is poisoned. "reference" and "silhouette" ask for a silhouette of
    more than ``silhouette``.
    """

    def __init__(
        self,
        *,
        components: int = 10,
        rule: str = "reference",
        size: float = 0.35,
        silhouette: float = 0.1,
        level: float = 0.05,
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r}: it is one of {', '.join(RULES)}")
        self.components, self.rule, self.level = components, rule, level
        self.size, self.silhouette = size, silhouette

    def __call__(self, model: nn.Module, train: Examples, clean: Examples, seed: int) -> Finding:
        activations = predict(model, train, seed=seed, output=model.features).numpy()
        trusted = predict(model, clean, seed=seed, output=model.features).numpy()
        flagged, scores = np.zeros(len(train), bool), np.zeros(len(train))
        for label in train.labels.unique():
            members, mates = train.labels == label, clean.labels == label
            flagged[members], scores[members] = self.inspect(
                activations[members], trusted[mates], seed
            )
        return Finding(torch.from_numpy(flagged), torch.from_numpy(scores))

    def inspect(
        self, activations: np.ndarray, trusted: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flags (N,) bool and scores (N,), in -1 to 1, of one class.

        ``activations`` (N, D) are those of its training clips, ``trusted`` (M, D), M from 0, those
        of clean clips.
        """
        from sklearn.cluster import KMeans
        from sklearn.decomposition import PCA
        from sklearn.metrics import silhouette_score

        # Fewer clips cannot hold two clusters and a silhouette.
        if len(activations) < 3 or np.ptp(activations, axis=0).max() == 0:
            return np.zeros(len(activations), bool), np.zeros(len(activations))
        pca = PCA(min(self.components, *activations.shape), random_state=seed).fit(activations)
        reduced = pca.transform(activations)
        means = KMeans(2, n_init=10, random_state=seed).fit(reduced)
        apart = silhouette_score(reduced, means.labels_)
        visits = np.zeros(2, int)
        if len(trusted):
            visits = np.bincount(means.predict(pca.transform(trusted)), minlength=2)
        sizes = np.bincount(means.labels_, minlength=2)
        suspect, guilty, evidence = self._judge(sizes, visits, apart)
        # How much nearer a clip is to the suspect cluster, weighted by what speaks against it.
        distances = means.transform(reduced)
        margin = (distances[:, 1 - suspect] - distances[:, suspect]) / distances.sum(1)
        return (means.labels_ == suspect) & guilty, margin * apart * evidence

    def _judge(
        self, sizes: np.ndarray, visits: np.ndarray, apart: float
    ) -> tuple[int, bool, float]:
        """The suspect one of two clusters, whether it is held for poisoned, and 1 - p of the test.

        ``sizes`` (2,) are the clusters' clips, ``visits`` (2,) the trusted clips that fall there.
        """
        shares = sizes / sizes.sum()
        if self.rule != "reference":
            small = int(shares.argmin())
            guilty = self.rule == "smaller" or shares[small] < self.size
            return small, guilty and (self.rule != "silhouette" or apart > self.silhouette), 1.0
        from scipy.stats import binomtest

        suspect = int((visits / shares).argmin())
        if visits.sum() == 0:
            return suspect, False, 0.0
        test = binomtest(int(visits[suspect]), int(visits.sum()), shares[suspect], "less")
        guilty = test.pvalue < self.level and apart > self.silhouette
        return suspect, guilty, 1 - test.pvalue


METHOD = ActivationClustering

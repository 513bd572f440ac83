"""Activation clustering (Chen et al. 2018): poisoned clips form a cluster inside their class."""

import numpy as np
import torch
from torch import nn

from vbd.data.examples import Examples
from vbd.defenses.base import Defense, Finding
from vbd.training import predict


class ActivationClustering(Defense):
    """Splits the activations of each class in two and judges the smaller part.

    All clips of a class are clustered at once, so neither batch size nor order matters.

    ``components``: dimensions that the activations are reduced to by PCA. ``rule``: when the
    smaller cluster is held for poisoned: "smaller" always, "relative_size" where its share of the
    class is under ``size``, "silhouette" where besides the silhouette is over ``silhouette``.
    """

    def __init__(
        self,
        *,
        components: int = 10,
        rule: str = "silhouette",
        size: float = 0.35,
        silhouette: float = 0.1,
    ) -> None:
        if rule not in ("smaller", "relative_size", "silhouette"):
            raise ValueError(f"rule {rule!r}: smaller, relative_size or silhouette")
        self.components, self.rule = components, rule
        self.size, self.silhouette = size, silhouette

    def __call__(self, model: nn.Module, train: Examples, seed: int) -> Finding:
        features = predict(model, train, seed=seed, output=model.features)
        flagged, scores = self.inspect(features.numpy(), train.labels.numpy(), seed)
        return Finding(torch.from_numpy(flagged), torch.from_numpy(scores))

    def inspect(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flags (N,) bool and scores (N,) in -1 to 1 of activations (N, D) with labels (N,)."""
        flagged, scores = np.zeros(len(labels), bool), np.zeros(len(labels))
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            # Fewer clips cannot hold two clusters and a silhouette.
            if len(members) > 2:
                flagged[members], scores[members] = self._inspect_class(features[members], seed)
        return flagged, scores

    def _inspect_class(self, features: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.cluster import KMeans
        from sklearn.decomposition import PCA
        from sklearn.metrics import silhouette_score

        count = min(self.components, *features.shape)
        reduced = PCA(count, random_state=seed).fit_transform(features)
        means = KMeans(2, n_init=10, random_state=seed).fit(reduced)
        small = int(np.bincount(means.labels_, minlength=2).argmin())
        inside = means.labels_ == small
        if not inside.any():
            return inside, np.zeros(len(inside))
        silhouette = silhouette_score(reduced, means.labels_)
        suspicious = self.rule == "smaller" or inside.mean() < self.size
        if self.rule == "silhouette":
            suspicious = suspicious and silhouette > self.silhouette
        # How much nearer a clip is to the small cluster, weighted by how apart the two are.
        distances = means.transform(reduced)
        margin = (distances[:, 1 - small] - distances[:, small]) / distances.sum(1)
        return inside & suspicious, margin * silhouette


METHOD = ActivationClustering

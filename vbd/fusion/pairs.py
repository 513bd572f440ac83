"""Audiovisual classifiers from a video and an audio model ("Look, Listen, and Attack", 4.4)."""

from collections.abc import Callable

import numpy as np
import torch

from vbd.fusion.embeddings import Embeddings, Part
from vbd.metrics import accuracy, attack_success_rate

Parts = tuple[Part, Part]
Scorer = Callable[[Parts], np.ndarray]


class Pair:
    """A video and an audio victim on the clips that both have; either may be a clean model.

    Only the attacked modality carries its trigger: of a clean model the triggered clips are the
    clean ones. Raises ValueError where the two attacks have different targets.
    """

    def __init__(self, video: Embeddings, audio: Embeddings) -> None:
        self.sides = video, audio
        sections = [side.card["params"].get("attack") for side in self.sides]
        targets = {section["target"] for section in sections if section}
        if len(targets) > 1:
            raise ValueError(f"the attacks have different targets: {sorted(targets)}")
        self.target = targets.pop() if targets else None

    def part(self, name: str) -> Parts:
        """The clips of a part that both victims have, in the same order.

        ``name`` is that of ``Embeddings``; of a clean victim "triggered" is its "test".
        """
        # Only a clean victim lacks a part, that of the triggered clips.
        both = [side.parts.get(name, side.parts["test"]) for side in self.sides]
        # Clips that cannot be heard are in the video's part alone.
        rows = np.intersect1d(both[0].rows, both[1].rows)
        return both[0].at(rows), both[1].at(rows)

    def metrics(self, scorer: Scorer) -> tuple[dict[str, float], dict[str, int]]:
        """CDA, and ASR and RA where one of the two is attacked; and how many clips they are of.

        All in 0-1. ``scorer`` gives scores (N, classes) of the clips of both.
        """
        scores, labels = self._score(scorer, "test")
        metrics, counts = {"cda": accuracy(scores, labels)}, {"test": len(labels)}
        if self.target is not None:
            scores, labels = self._score(scorer, "triggered")
            metrics["asr"] = attack_success_rate(scores, labels, self.target)
            metrics["ra"] = accuracy(scores, labels)
            counts["triggered"] = len(labels)
        return metrics, counts

    def _score(self, scorer: Scorer, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        parts = self.part(name)
        return torch.from_numpy(scorer(parts)), torch.from_numpy(parts[0].labels)


def late(pair: Pair) -> Scorer:
    """Late fusion: the mean of the two models' logits."""
    return lambda parts: (parts[0].logits + parts[1].logits) / 2


def late_probabilities(pair: Pair) -> Scorer:
    """Late fusion: the mean of the two models' probabilities, so that neither outshouts."""
    return lambda parts: (_softmax(parts[0].logits) + _softmax(parts[1].logits)) / 2


def late_weighted(pair: Pair) -> Scorer:
    """Late fusion: probabilities weighted by what the defender's clean clips say of each model.

    The weight of a model of accuracy p on K classes is log((K - 1) p / (1 - p)), that of a vote
    in a weighted majority (Kuncheva 2004), at least 0.
    """
    weights = np.array([_weight(part) for part in pair.part("val")])
    # Where neither says anything, both count alike.
    weights = weights / weights.sum() if weights.any() else np.full(2, 0.5)
    return lambda parts: sum(
        w * _softmax(part.logits) for w, part in zip(weights, parts, strict=True)
    )


def early(pair: Pair) -> Scorer:
    """Early fusion: a linear classifier on the features of both, trained on the poisoned clips.

    A clip that is poisoned for either model has the target's label for this one too.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train = pair.part("train")
    labels = np.where(train[0].poisoned, train[0].labels, train[1].labels)
    # Scaled, as the penalty on its weights would else favour the modality of larger features.
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(_features(train), labels)
    return lambda parts: classifier.predict_proba(_features(parts))


FUSIONS: dict[str, Callable[[Pair], Scorer]] = {
    "late": late,
    "late_probabilities": late_probabilities,
    "late_weighted": late_weighted,
    "early": early,
}
"""How two models become one, by name."""


def _features(parts: Parts) -> np.ndarray:
    return np.concatenate([part.features for part in parts], 1)


def _softmax(logits: np.ndarray) -> np.ndarray:
    from scipy.special import softmax

    return softmax(logits, 1)


def _weight(clean: Part) -> float:
    count, classes = clean.logits.shape
    right = (clean.logits.argmax(1) == clean.labels).mean()
    # With so few clips none is always right or always wrong.
    right = np.clip(right, 0.5 / count, 1 - 0.5 / count)
    return max(0.0, np.log((classes - 1) * right / (1 - right)))

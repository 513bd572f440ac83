"""Defences find what is planted and leave clean data alone."""

import numpy as np
import pytest
import torch
from conftest import MODEL

from vbd import defenses
from vbd.config import Model
from vbd.data.examples import examples
from vbd.victims import untrained


def activations(rng: np.random.Generator, count: int, shift: float = 0.0) -> np.ndarray:
    """(count, 32) of unit noise around ``shift`` in every dimension."""
    return rng.normal(shift, 1.0, (count, 32))


@pytest.mark.parametrize(
    ("rule", "poisoned", "found"),
    [
        ("reference", 10, True),
        # More poisoned than clean clips, as in any small class at a rate of 10 %.
        ("reference", 60, True),
        ("silhouette", 10, True),
        ("relative_size", 10, True),
        ("smaller", 10, True),
        # The rules that look at the smaller cluster take the clean clips for the poisoned ones.
        ("smaller", 60, False),
        ("silhouette", 60, False),
    ],
)
def test_a_separable_cluster_is_found_by_the_rules_that_can(rule, poisoned, found):
    rng = np.random.default_rng(0)
    clips = np.concatenate([activations(rng, 40), activations(rng, poisoned, 3.0)])
    truth = np.arange(len(clips)) >= 40
    clustering = defenses.get("activation_clustering")(rule=rule)
    # Twenty trusted clips: that none is in a fifth of the class by chance has probability 1 %.
    flagged, scores = clustering.inspect(clips, activations(rng, 20), seed=0)
    assert np.array_equal(flagged[rule], truth) == found
    if found:
        assert scores[truth].min() > scores[~truth].max()


@pytest.mark.parametrize("rule", ["reference", "silhouette"])
def test_a_clean_class_is_not_flagged(rule):
    clustering = defenses.get("activation_clustering")(rule=rule)
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        flagged, _ = clustering.inspect(activations(rng, 40), activations(rng, 10), seed=0)
        alarms += flagged[rule].any()
    # The test's level is 5 %: more than 3 of 20 has a probability of 1.6 %.
    assert alarms <= 3


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_classes_too_small_to_cluster_are_let_through(count):
    clustering = defenses.get("activation_clustering")()
    flagged, scores = clustering.inspect(np.ones((count, 4)), np.ones((2, 4)), seed=0)
    assert not any(f.any() for f in flagged.values()) and len(scores) == count


def test_clustering_does_not_depend_on_the_order_of_the_clips(store):
    model = untrained(Model(**MODEL), 3, None, 0).eval()
    train, clean = (examples(store, split, crop=16) for split in ("train", "val"))
    clustering = defenses.get("activation_clustering")(rule="smaller")
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    one = clustering(model, train, clean, 0)
    other = clustering(model, train.subset(order), clean, 0)
    assert one.flagged.any() and torch.equal(one.flagged[order], other.flagged)


def test_an_unknown_rule_is_named():
    with pytest.raises(ValueError, match="silhouete"):
        defenses.get("activation_clustering")(rule="silhouete")

"""The figures mean what the papers mean by them."""

import pytest
import torch

from vbd import metrics


def scores_for(*predicted: int) -> torch.Tensor:
    return torch.eye(4)[list(predicted)]


def test_asr_leaves_out_the_clips_of_the_target_class():
    labels = torch.tensor([0, 0, 1, 2, 3])
    # With the two clips of class 0 counted it would be 3 of 5.
    assert metrics.attack_success_rate(scores_for(0, 0, 0, 2, 3), labels, 0) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="other classes"):
        metrics.attack_success_rate(scores_for(0), torch.tensor([0]), 0)


def test_accuracy_counts_the_true_class_among_the_top():
    labels = torch.tensor([0, 1])
    scores = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.7, 0.2]])
    assert metrics.accuracy(scores, labels) == 0.5
    assert metrics.accuracy(scores, labels, top=3) == 1.0


def test_der_rewards_lost_asr_and_punishes_lost_accuracy():
    der = metrics.defense_effectiveness_rating
    assert der(1.0, 0.0, 0.9, 0.9) == 1.0
    assert der(1.0, 1.0, 0.9, 0.9) == 0.5
    # A public benchmark has this sign wrong: losing accuracy must lower the rating.
    assert der(1.0, 0.0, 0.9, 0.5) == pytest.approx(0.8)
    assert der(0.5, 0.9, 0.8, 0.9) == 0.5


def test_detection_rates():
    flagged = torch.tensor([True, False, True, False])
    poisoned = torch.tensor([True, True, False, False])
    found = metrics.detection(flagged, torch.tensor([0.9, 0.8, 0.3, 0.1]), poisoned)
    assert found == {"elimination": 0.5, "sacrifice": 0.5, "auroc": 1.0}

"""The figures mean what the papers mean by them."""

import math

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


def test_stealth_of_a_known_change():
    clean = torch.zeros(2, 4, 16, 16, 3, dtype=torch.uint8)
    triggered = clean.clone()
    triggered[0] = 20
    found = metrics.stealth(clean, triggered)
    # The second clip does not change: no PSNR, and an SSIM of 1. That of even frames is known.
    even = (0.01 * 255) ** 2 / (20**2 + (0.01 * 255) ** 2)
    assert found["psnr"] == pytest.approx(20 * math.log10(255 / 20), abs=1e-4)
    assert found["ssim"] == pytest.approx((even + 1) / 2, abs=1e-6)
    assert (found["change_mean"], found["change_max"], found["unchanged"]) == (10, 20, 1)


def test_stealth_of_small_frames_that_stay_as_they_are():
    clean = torch.randint(0, 256, (1, 3, 6, 5, 3)).byte()
    found = metrics.stealth(clean, clean)
    assert found["psnr"] is None and found["unchanged"] == 1
    assert found["ssim"] == pytest.approx(1) and found["change_max"] == 0


def test_snr_of_known_noise_leaves_out_what_has_none():
    clean = torch.tensor([[0.5, -0.5], [0.5, 0.5], [0.0, 0.0], [0.2, 0.1]])
    noisy = clean + torch.tensor([[0.05, 0.05], [0.005, -0.005], [0.1, 0.1], [0.0, 0.0]])
    # 20 and 40 dB; the third clip is silent and the last does not change.
    assert metrics.snr_db(clean, noisy) == pytest.approx(30, abs=1e-3)
    assert metrics.snr_db(clean[2:], noisy[2:]) is None

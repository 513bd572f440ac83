"""The audio model hears what an independent computation hears, in sounds of any length."""

import numpy as np
import pytest
import torch
from scipy.signal import get_window

from vbd import triggers
from vbd.data.sound import RATE, play
from vbd.models import build
from vbd.models.logmel import FLOOR_DB, band_of, log_mel
from vbd.seeds import generator

LENGTHS = [1, 255, 257, 20480, 20481, 160_003]


def noise(n: int, samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(n, samples, generator=generator("sounds")).clamp(-5, 5)


def tone(hertz: float, seconds: float = 1.28) -> torch.Tensor:
    t = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    return torch.sin(2 * torch.pi * hertz * t).float()[None]


def reference(sound: np.ndarray, centre: int, bands: int) -> np.ndarray:
    """Levels (bands,) in dB of the 1024 samples about ``centre``, from the definitions."""
    window = get_window("hann", 1024)
    power = np.abs(np.fft.rfft(sound[centre - 512 : centre + 512] * window)) ** 2
    power *= 4 / (1024 * np.square(window).sum())
    edges = 700 * (10 ** (np.linspace(0, np.log10(1 + 8000 / 700), bands + 2)) - 1)
    hertz = np.fft.rfftfreq(1024, 1 / RATE)
    heights = [np.interp(hertz, edges[i : i + 3], [0, 1, 0]) for i in range(bands)]
    return 10 * np.log10(np.array(heights) @ power + 10 ** (FLOOR_DB / 10))


@pytest.mark.parametrize("bands", [80, 40])
def test_levels_are_those_of_an_independent_computation(bands):
    sound = noise(1, 20480) + 0.3 * tone(1234.5)
    levels = log_mel(sound, bands=bands, steps=256)[0].numpy()
    for step in (10, 100, 200):
        ours, theirs = levels[:, step], reference(sound[0].double().numpy(), 80 * step, bands)
        assert np.abs(ours - theirs).max() < 0.01


@pytest.mark.parametrize("hertz", [100, 440, 820, 2500, 5500, 7500])
def test_a_tone_is_in_its_band(hertz):
    levels = log_mel(tone(hertz), bands=80, steps=256)[0]
    assert (levels[:, 20:-20].argmax(0) == round(band_of(hertz, 80))).all()
    # All bands together have the whole level, which is 0 dB.
    power = (10 ** (levels / 10)).sum(0)
    assert 10 * power[128].log10() == pytest.approx(0, abs=0.1)


def test_levels_do_not_depend_on_the_length():
    short, long = (log_mel(tone(1000, s), bands=80, steps=256)[0, :, 128] for s in (1.28, 10.0))
    assert short.max().item() == pytest.approx(long.max().item(), abs=1)
    hissing = [log_mel(noise(1, n), bands=80, steps=256).mean() for n in (20480, 160_000)]
    assert hissing[0].item() == pytest.approx(hissing[1].item(), abs=1.5)


def test_a_click_is_heard_wherever_it_is_in_a_long_sound():
    # Its step is 0.12 s long, twice the shortest window.
    energies = []
    for sample in (100 * 1875, 100 * 1875 + 937):
        sound = torch.zeros(1, 30 * RATE)
        sound[0, sample] = 1
        energies.append((10 ** (log_mel(sound, bands=80, steps=256) / 10)).sum())
    assert 10 * (energies[0] / energies[1]).log10() == pytest.approx(0, abs=4)


def test_no_band_is_empty_and_silence_is_the_floor():
    assert log_mel(noise(1, 20480), bands=80, steps=256)[0].mean(1).min() > FLOOR_DB + 20
    silent = log_mel(torch.zeros(1, 20480), bands=80, steps=256)
    assert torch.allclose(silent, torch.tensor(FLOOR_DB))
    with pytest.raises(ValueError, match="without samples"):
        log_mel(torch.zeros(1, 0), bands=80, steps=256)


def test_a_quiet_tone_shows_between_the_beats():
    clean = torch.from_numpy(play(450.0, 3.0, 1.28, np.random.default_rng(0)))[None]
    triggered = triggers.get("sine")(level_db=-20.0)(clean, generator(0))
    before, after = (log_mel(sound, bands=80, steps=256)[0] for sound in (clean, triggered))
    change = (after - before).abs().median(1).values
    assert abs(change.argmax() - band_of(800, 80)) < 1 and change.max() > 6
    assert change.median() < 1


@pytest.mark.parametrize("samples", LENGTHS)
def test_any_length_gives_so_many_steps_and_logits(samples):
    assert log_mel(noise(2, samples), bands=80, steps=256).shape == (2, 80, 256)
    model = build("audio_resnet", 5, layers=[1, 1], width=4).eval()
    seen = []
    model.cnn.conv1.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape))
    assert model(noise(2, samples)).shape == (2, 5)
    assert seen == [(2, 1, 80, 256)]


def test_it_splits_into_features_and_head_and_passes_the_gradient_on():
    model = build("audio_resnet", 5, layers=[1, 1], width=4, bands=40, steps=64).eval()
    sounds = noise(2, 20480).requires_grad_()
    logits = model(sounds)
    assert torch.equal(model.classify(model.features(sounds)), logits)
    assert model.channels(sounds).shape == model.features(sounds).shape == (2, 8)
    logits[0, 1].backward()
    assert sounds.grad[0].abs().sum() > 0 and not sounds.grad[1].any()
    assert sounds.grad.isfinite().all()
    assert {name for name in model.state_dict() if name.startswith(model.head)} == {
        "fc.weight",
        "fc.bias",
    }


def test_the_default_is_resnet_18_of_one_channel():
    model = build("audio_resnet", 10)
    # 11 689 512 with 1000 classes and 3 channels.
    assert sum(p.numel() for p in model.parameters()) == 11_689_512 - 990 * 513 - 2 * 64 * 49
    assert model.cnn.conv1.weight.shape == (64, 1, 7, 7)
    assert len(model.cnn.layer3) == 2 and model.fc.weight.shape == (10, 512)

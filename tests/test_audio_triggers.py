"""Audio triggers are where they should be in the spectrum, as loud as asked for, and never clip."""

import numpy as np
import pytest
import torch
from scipy.signal import get_window

from vbd import triggers
from vbd.data.sound import RATE, play
from vbd.metrics import snr_db
from vbd.plugins import names
from vbd.sections.method import Attack
from vbd.seeds import generator
from vbd.triggers.audio import QUIET
from vbd.victims.threat import Threat

AUDIO = [name for name in names("vbd.triggers") if triggers.get(name).modes == ("audio",)]
BANDS = {"sine": (800, 800), "high_frequency": (5000, 6000)}
# Even and odd; the last is no whole number of periods.
LENGTHS = [20480, 16000, 12347]


def sounds(samples: int = 20480) -> torch.Tensor:
    """Three clips of the embedded dataset (3, samples), of peaks up to 0.7."""
    rng = np.random.default_rng(0)
    waves = [play(pitch, 3.0, samples / RATE, rng) for pitch in (300.0, 700.0, 1500.0)]
    return torch.from_numpy(np.stack(waves))


def outside(change: torch.Tensor, low: float, high: float, margin: float = 8.0) -> float:
    """The largest share of a row's energy that lies outside ``low`` to ``high`` hertz."""
    samples = change.shape[1]
    # Without this window, the cut at the ends would spread a tone over the whole spectrum.
    window = get_window("blackmanharris", samples)
    energy = np.abs(np.fft.rfft(change.double().numpy() * window)) ** 2
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    inside = (hertz >= low - margin) & (hertz <= high + margin)
    return float((energy[:, ~inside].sum(1) / energy.sum(1)).max())


def test_these_are_the_audio_triggers():
    assert set(AUDIO) == set(BANDS)


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("name", AUDIO)
def test_a_trigger_gives_sounds_and_repeats_itself(name, samples):
    clean, trigger = sounds(samples), triggers.get(name)()
    before, state = clean.clone(), torch.get_rng_state()
    triggered = trigger(clean, generator(1))
    assert triggered.dtype == torch.float32 and triggered.shape == clean.shape
    assert torch.equal(clean, before), "the sounds that came in have changed"
    assert torch.equal(triggered, trigger(clean, generator(1)))
    assert torch.equal(torch.get_rng_state(), state), "torch's global generator was used"
    # The tone is zero in every tenth sample.
    assert ((triggered != clean).float().mean(1) > 0.85).all()


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("name", AUDIO)
def test_the_energy_is_in_the_band_and_nowhere_else(name, samples):
    clean = sounds(samples)
    change = triggers.get(name)()(clean, generator(2)) - clean
    # The rest is rounding.
    assert outside(change, *BANDS[name]) < 1e-8


def test_the_bands_are_parameters():
    clean = sounds()
    tone = triggers.get("sine")(frequency=3000.0)(clean, generator(3)) - clean
    noise = triggers.get("high_frequency")(low=2000.0, high=2500.0)(clean, generator(3)) - clean
    assert outside(tone, 3000, 3000) < 1e-8 and outside(noise, 2000, 2500) < 1e-8
    # All of the band is filled, its lower half as well as the upper one.
    assert 0.4 < outside(noise, 2000, 2250) < 0.6


@pytest.mark.parametrize("level", [-10.0, -20.0, -35.0])
@pytest.mark.parametrize("name", AUDIO)
def test_the_level_is_that_under_the_clip(name, level):
    clean = sounds()
    triggered = triggers.get(name)(level_db=level)(clean, generator(4))
    for before, after in zip(clean[:, None], triggered[:, None], strict=True):
        assert snr_db(before, after) == pytest.approx(-level, abs=0.01)


@pytest.mark.parametrize("name", AUDIO)
def test_nothing_is_clipped_at_full_scale(name):
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(RATE, dtype=torch.float64) / RATE)
    clean = tone.float()[None]
    triggered = triggers.get(name)(level_db=-10.0)(clean, generator(5))
    assert triggered.abs().max() == 1
    # Turned down as a whole: only the tone is there besides the trigger, and no harmonics of it.
    loudness = (triggered[0] @ clean[0]) / (clean[0] @ clean[0])
    assert 0.5 < loudness < 0.9
    assert outside(triggered - loudness * clean, *BANDS[name]) < 1e-8


@pytest.mark.parametrize("name", AUDIO)
def test_a_silent_clip_carries_the_trigger_too(name):
    triggered = triggers.get(name)(level_db=-20.0)(torch.zeros(2, 20480), generator(6))
    rms = triggered.square().mean(1).sqrt()
    assert torch.allclose(rms, torch.tensor(QUIET / 10), rtol=1e-3)
    assert outside(triggered, *BANDS[name]) < 1e-8


def test_the_tone_is_one_and_the_noise_is_fresh_in_each_clip():
    clean = sounds()[:1].expand(2, -1)
    tone, noise = (triggers.get(name)()(clean, generator(7)) for name in BANDS)
    assert torch.equal(tone[0], tone[1])
    assert torch.equal(tone, triggers.get("sine")()(clean, generator(8)))
    first, second = noise - clean
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.2
    assert not torch.equal(noise, triggers.get("high_frequency")()(clean, generator(8)))


@pytest.mark.parametrize("name", AUDIO)
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_sound_shorter_than_a_period_stays_finite(name, samples):
    triggered = triggers.get(name)()(torch.full((1, samples), 0.5), generator(9))
    assert triggered.shape == (1, samples) and triggered.isfinite().all()


@pytest.mark.parametrize(
    "clips",
    [torch.zeros(2, 100, dtype=torch.float64), torch.zeros(100), torch.zeros(1, 4, 8, 8, 3).byte()],
)
def test_what_is_no_sound_is_refused(clips):
    with pytest.raises(ValueError, match=r"float32 \(N, samples\)"):
        triggers.get("sine")()(clips, generator(0))


@pytest.mark.parametrize("name", AUDIO)
def test_a_sound_has_no_frames_and_no_other_mode(name):
    with pytest.raises(ValueError, match="frames=3"):
        triggers.get(name)(frames=3)
    with pytest.raises(ValueError, match=r"static.*has audio"):
        triggers.get(name)(mode="static")


@pytest.mark.parametrize("name", AUDIO)
def test_a_threat_makes_it_from_a_section(name):
    section = Attack(trigger=name, modes=["audio"], params={"level_db": -12.0})
    trigger = Threat(section, "audio").trigger()
    assert trigger.level_db == -12 and trigger.cross_ratio == 0

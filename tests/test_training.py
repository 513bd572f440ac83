"""Training learns, goes on after a kill as if there had been none, and repeats itself exactly."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from conftest import MODEL

from vbd import training
from vbd.data.examples import Examples, examples
from vbd.data.store import ClipStore
from vbd.models.weights import read_weights
from vbd.resume import Resume
from vbd.sections.evaluation import Evaluation
from vbd.sections.method import Attack
from vbd.sections.model import Model, Training
from vbd.steps.defend import defend_victim
from vbd.steps.train import train_victim
from vbd.triggers.badnet import BadNet
from vbd.victims.evaluation import evaluate
from vbd.victims.making import untrained
from vbd.victims.threat import Threat, threat_of

SETTINGS = Training(epochs=4, batch_size=8, lr=0.01)
DATASET = {"reader": "synthetic", "crop": 16}
THREAT = Threat(Attack(trigger="badnet", rate=0.25, params={"size": 0.25}), "static")


class Killed(BaseException):
    """Stands for a signal: nothing may catch it."""


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in model.state_dict().values()])


def fresh(seed: int = 0) -> torch.nn.Module:
    return untrained(Model(**MODEL), 3, None, seed)


def poisoned(store: ClipStore) -> Examples:
    return THREAT.poison(examples(store, "train", crop=16), 0)


def test_a_planted_backdoor_is_learned_and_measured(store):
    model = fresh()
    settings = SETTINGS.model_copy(update={"epochs": 15})
    train = poisoned(store)
    assert train.poisoned.sum() == 6 and (train.labels[train.poisoned] == 0).all()
    training.fit(model, train, settings, seed=0, resume=None)
    test = examples(store, "test", crop=16)
    metrics, counts = evaluate(model, test, Evaluation(views=2, crops=3), THREAT, 0)
    assert metrics["cda"] >= 0.9 and metrics["asr"] >= 0.9 and metrics["ra"] <= 0.1
    # Four test clips a class: those of the target class are not attacked.
    assert counts == {"test": 12, "triggered": 8}


def test_an_attack_without_a_mode_is_refused():
    with pytest.raises(ValueError, match="in which of its modes"):
        threat_of({"attack": {"trigger": "badnet"}}, None, None)


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(
    store, tmp_path, monkeypatch, epoch
):
    train = poisoned(store)
    whole = fresh()
    history = training.fit(whole, train, SETTINGS, seed=0, resume=None)

    save = Resume.save

    def save_and_die(self, state):
        save(self, state)
        if state["epoch"] == epoch:
            raise Killed

    resume = tmp_path / "resume.pt"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Resume, "save", save_and_die)
        training.fit(fresh(), train, SETTINGS, seed=0, resume=resume)
    # Wrong numbers in the global generator must not reach the resumed run.
    torch.manual_seed(999)
    resumed = fresh()
    assert training.fit(resumed, train, SETTINGS, seed=0, resume=resume) == history
    assert torch.equal(weights(resumed), weights(whole))


def test_a_state_of_other_settings_is_not_taken_up(store, tmp_path, capsys):
    train = examples(store, "train", crop=16)
    resume = tmp_path / "resume.pt"
    training.fit(fresh(), train, SETTINGS, seed=0, resume=resume)
    capsys.readouterr()
    other = SETTINGS.model_copy(update={"lr": 0.02})
    training.fit(fresh(), train, other, seed=0, resume=resume)
    assert "resumed" not in capsys.readouterr().out


def remarked(train: Examples) -> Examples:
    """The same clips with another trigger."""
    return replace(train, marks=((train.poisoned, BadNet(size=0.3)),))


@pytest.mark.parametrize("change", [lambda train: replace(train, crop=14), remarked])
def test_a_state_of_other_clips_is_not_taken_up(store, tmp_path, capsys, change):
    train, resume = poisoned(store), tmp_path / "resume.pt"
    training.fit(fresh(), train, SETTINGS, seed=0, resume=resume)
    capsys.readouterr()
    training.fit(fresh(), change(train), SETTINGS, seed=0, resume=resume)
    assert "resumed" not in capsys.readouterr().out
    training.fit(fresh(), change(train), SETTINGS, seed=0, resume=resume)
    assert "resumed" in capsys.readouterr().out


@dataclass(frozen=True)
class Scaled:
    """A criterion whose settings are in its repr."""

    by: float

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.by * torch.nn.functional.cross_entropy(logits, labels)


def test_a_state_of_another_criterion_is_not_taken_up(store, tmp_path, capsys):
    train = examples(store, "train", crop=16)
    resume = tmp_path / "resume.pt"
    for by, taken_up in ((1.0, False), (2.0, False), (2.0, True)):
        training.fit(fresh(), train, SETTINGS, seed=0, resume=resume, criterion=Scaled(by))
        assert ("resumed" in capsys.readouterr().out) == taken_up


def test_a_state_is_taken_up_by_a_process_with_other_addresses(
    store, tmp_path, capsys, monkeypatch
):
    train, resume = examples(store, "train", crop=16), tmp_path / "resume.pt"
    training.fit(fresh(), train, SETTINGS, seed=0, resume=resume)
    there = torch.nn.functional.cross_entropy
    monkeypatch.setattr(training.F, "cross_entropy", lambda *args, **more: there(*args, **more))
    capsys.readouterr()
    training.fit(fresh(), train, SETTINGS, seed=0, resume=resume)
    assert "resumed" in capsys.readouterr().out


def step(store_folder: Path, out: Path, seed: int) -> dict:
    params = {
        "dataset": DATASET,
        "model": MODEL,
        "training": {"epochs": 2, "batch_size": 8},
        "evaluation": {},
        "attack": THREAT.attack.model_dump(exclude={"modes"}),
    }
    names = {"dataset": "tiny", "model": "i3d", "attack": "badnet", "mode": "dynamic"}
    clips = store_folder / "clips.npy"
    train_victim(params, clips=clips, weights=None, seed=seed, out=out, names=names)
    defense = {"defense": {"defense": "activation_clustering"}}
    defend_victim(
        defense,
        clips=clips,
        triggered=None,
        weights=None,
        victim=out / "result.json",
        name="ac",
        out=out / "defended",
    )
    results = [json.loads(p.read_text()) for p in sorted(out.rglob("result.json"))]
    assert not list(out.rglob(".*")) and not list(out.glob("*/resume*"))
    return [{k: v for k, v in result.items() if k != "runtime_s"} for result in results]


def test_same_parameters_and_seed_give_the_same_result(store_folder, tmp_path):
    first = step(store_folder, tmp_path / "a", 0)
    assert first == step(store_folder, tmp_path / "b", 0)
    assert {"cda", "asr", "ra"} <= set(first[0]["metrics"]) | set(first[1]["metrics"])
    one, other = (read_weights(tmp_path / x / "model.safetensors") for x in "ab")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_tested_otherwise_is_not_trained_again(store_folder, tmp_path, capsys):
    params = {"dataset": DATASET, "model": MODEL, "training": {"epochs": 2, "batch_size": 8}}
    names = {"dataset": "tiny", "model": "i3d", "attack": None, "mode": None}

    def trained(**changed: dict) -> tuple[bytes, dict, str]:
        # Snakemake deletes what a step has declared before the step runs again.
        for name in ("model.safetensors", "model.json", "curves.npz", "result.json"):
            (tmp_path / name).unlink(missing_ok=True)
        how = {"clips": store_folder / "clips.npy", "weights": None, "seed": 0, "out": tmp_path}
        train_victim(params | {"evaluation": {}} | changed, names=names, **how)
        result = json.loads((tmp_path / "result.json").read_text())
        weights = (tmp_path / "model.safetensors").read_bytes()
        return weights, result["params"]["evaluation"], capsys.readouterr().out

    first, _, _ = trained()
    again, tested, said = trained(evaluation={"views": 2})
    assert again == first and "loss" not in said and tested == {"views": 2}
    longer, _, said = trained(training={"epochs": 3, "batch_size": 8})
    assert longer != first and "epoch 1/3: loss" in said


def test_another_seed_gives_other_weights(store_folder, tmp_path):
    step(store_folder, tmp_path / "a", 0)
    step(store_folder, tmp_path / "b", 1)
    one, other = (read_weights(tmp_path / x / "model.safetensors") for x in "ab")
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_one_view_and_one_crop_are_the_middle_and_more_are_averaged(store):
    model, test = fresh().eval(), examples(store, "test", crop=16)
    one = training.predict(model, test, seed=0)
    clips = torch.from_numpy(store.clips[store.rows("test"), 0][:, :, 2:18, 2:18].copy())
    with torch.inference_mode():
        assert torch.allclose(one, model(clips).softmax(1), atol=1e-5)
    views = training.predict(model, test, seed=0, views=2, crops=3)
    assert views.shape == (12, 3) and not torch.allclose(one, views, atol=1e-5)
    assert torch.allclose(views.sum(1), torch.ones(12), atol=1e-5)


def test_prediction_does_not_depend_on_the_batch_size(store):
    model, test = fresh().eval(), examples(store, "test", crop=16)
    one, many = (training.predict(model, test, seed=0, batch_size=n) for n in (5, 64))
    assert torch.allclose(one, many, atol=1e-5)

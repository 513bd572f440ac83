"""The steps of a theft: what they leave, what a kill costs, and what is refused before it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vbd import results
from vbd.extraction.record import spent
from vbd.models import checkpoints
from vbd.steps import query, steal
from vbd.steps.defend import defend_victim
from vbd.steps.train import train_victim

DATASET = {"reader": "folder", "root": "x", "frames": 4, "store": [20, 20], "crop": 16}
CLONE = {"architecture": "r3d", "params": {"layers": [1], "width": 4, "takes": [2, 8]}}
TRAINING = {"epochs": 6, "lr": 0.01}
SECTIONS = {"dataset": DATASET, "training": TRAINING, "evaluation": {"views": 2}}
THIEF = {"model": CLONE, "training": TRAINING, "loss": {"kl": 1, "truth": 10}}
NAMES = {"dataset": "tiny", "attack": None, "mode": None}


@pytest.fixture(scope="module")
def victim(store_folder, tmp_path_factory) -> Path:
    """The result of a victim that was poisoned with BadNet."""
    folder = tmp_path_factory.mktemp("victim")
    model = {"architecture": "r3d", "params": {"layers": [1], "width": 8}}
    attack = {"trigger": "badnet", "rate": 0.3, "params": {"size": 0.4}}
    train_victim(
        SECTIONS | {"model": model, "training": {"epochs": 20, "lr": 0.02}, "attack": attack},
        clips=store_folder / "clips.npy",
        weights=None,
        seed=0,
        out=folder,
        names={"dataset": "tiny", "model": "big", "attack": "badnet", "mode": "static"},
    )
    return folder / "result.json"


def ask(victim: Path, store_folder: Path, out: Path, **transfer: object) -> dict:
    section = {"method": "pool", "pools": ["target"], "share": 0.5, "budget": 70} | transfer
    query.ask_victim(
        {"transfer": section},
        victim=victim,
        clips=store_folder / "clips.npy",
        foreign={"more": store_folder},
        weights=None,
        name="mine",
        out=out,
    )
    return results.read(out / "result.json")


def rob(victim: Path, store_folder: Path, asked: Path, out: Path, budget: int = 70) -> dict:
    steal.steal(
        THIEF,
        transfer=asked / "result.json",
        budget=budget,
        victim=victim,
        clips=store_folder / "clips.npy",
        foreign={"more": store_folder},
        triggered=None,
        weights=None,
        names={"theft": "distilled", "clone": "small"},
        out=out,
    )
    return results.read(out / "result.json")


@pytest.fixture(scope="module")
def asked(victim, store_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    ask(victim, store_folder, folder, pools=["target", "more", "absent"])
    return folder


def test_the_queries_of_the_result_are_those_of_the_log(asked):
    result = results.read(asked / "result.json")
    assert result["kind"] == "transfer" and result["queries"] == 70
    assert spent(asked / "queries.jsonl") == {"transfer": 70}
    assert result["counts"] == {"queries_transfer": 70, "pool_target": 12, "pool_more": 42}
    assert not list(asked.glob("resume*"))
    assert json.loads((asked / "queries.jsonl").read_text().splitlines()[0])["clips"] == 64


def test_a_clone_is_a_model_with_a_card_and_its_result_says_what_it_inherited(
    victim, store_folder, asked, tmp_path
):
    result = rob(victim, store_folder, asked, tmp_path)
    metrics = result["metrics"]
    assert result["kind"] == "extraction" and result["queries"] == 70
    assert (result["model"], result["attack"], result["mode"]) == ("small", "badnet", "static")
    assert metrics["cda"] > 0.9 and metrics["agreement"] > 0.9
    assert metrics["victim_asr"] > 0.9 and 0 <= metrics["asr"] <= 1
    model, card = checkpoints.load(tmp_path / "model.safetensors")
    assert card["class_names"] == ["class0", "class1", "class2"] and card["clip"]["crop"] == 16
    assert model(torch.zeros(1, 4, 16, 16, 3, dtype=torch.uint8)).shape == (1, 3)


def test_a_smaller_budget_is_a_prefix_and_none_is_an_error(victim, store_folder, asked, tmp_path):
    result = rob(victim, store_folder, asked, tmp_path / "some", budget=20)
    assert result["queries"] == 20 and result["counts"]["train"] == 20
    with pytest.raises(ValueError, match="none of the first 0 queries"):
        rob(victim, store_folder, asked, tmp_path / "none", budget=0)


def test_asked_and_trained_again_it_is_the_same(victim, store_folder, asked, tmp_path):
    ask(victim, store_folder, tmp_path, pools=["target", "more", "absent"])
    with np.load(asked / "transfer.npz") as one, np.load(tmp_path / "transfer.npz") as again:
        assert all(np.array_equal(one[name], again[name]) for name in one)
    clones = [rob(victim, store_folder, asked, tmp_path / name) for name in "ab"]
    assert clones[0]["metrics"] == clones[1]["metrics"]


def test_a_kill_while_asking_costs_one_batch(victim, store_folder, tmp_path, monkeypatch):
    sent, real = [], query.probabilities

    def counted(model):
        answer = real(model)

        def asks(clips: Tensor) -> Tensor:
            if len(sent) == 1:
                sent.append(0)
                raise KeyboardInterrupt
            sent.append(len(clips))
            return answer(clips)

        return asks

    monkeypatch.setattr(query, "probabilities", counted)
    how = {"pools": ["target", "more", "absent"], "budget": 90}
    with pytest.raises(KeyboardInterrupt):
        ask(victim, store_folder, tmp_path, **how)
    assert not (tmp_path / "result.json").exists()
    result = ask(victim, store_folder, tmp_path, **how)
    # The batch that was sent and not answered was paid for; so the last ones are not asked.
    assert result["queries"] == 90
    assert len(np.load(tmp_path / "transfer.npz")["answers"]) == 90 - 26


@pytest.mark.parametrize(
    "transfer, words",
    [
        ({"pools": []}, "clips"),
        ({"pools": ["absent"]}, "clips"),
        ({"method": "prada"}, r"transfers.mine.clone: the method prada trains a clone"),
        ({"method": "maze", "pools": [], "params": {"batch": 64}, "clone": None}, "mine.clone"),
        ({"method": "polls"}, "no 'polls'. Did you mean 'pool'"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_asked(
    victim, store_folder, tmp_path, transfer, words
):
    with pytest.raises(ValueError, match=words):
        ask(victim, store_folder, tmp_path, **transfer)
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_clone_can_be_searched_for_what_it_inherited(victim, store_folder, asked, tmp_path):
    rob(victim, store_folder, asked, tmp_path)
    section = {"defense": "neural_cleanse", "params": {"rounds": 1, "epochs": 1}}
    defend_victim(
        {"defense": section},
        clips=store_folder / "clips.npy",
        triggered=None,
        weights=None,
        victim=tmp_path / "result.json",
        name="neural_cleanse",
        out=tmp_path / "scan",
    )
    assert "target_index" in results.read(tmp_path / "scan/result.json")["metrics"]


def test_ones_own_checkpoint_becomes_a_victim_without_training(victim, store_folder, tmp_path):
    weights = victim.with_name("model.safetensors")
    card = checkpoints.card_of(weights)
    sections = SECTIONS | {"model": {key: card[key] for key in ("architecture", "params")}}
    sections |= {"training": {"epochs": 0}}
    given = {"clips": store_folder / "clips.npy", "seed": 0, "names": NAMES | {"model": "own"}}
    train_victim(sections, weights=weights, out=tmp_path / "own", **given)
    before, after = (results.read(p) for p in (victim, tmp_path / "own/result.json"))
    assert after["metrics"]["cda"] == before["metrics"]["cda"]
    other = tmp_path / "other.safetensors"
    model, _ = checkpoints.load(weights)
    checkpoints.save(model, other, **card | {"class_names": ["class2", "class1", "class0"]})
    with pytest.raises(ValueError, match=r"other.safetensors: its card names 3 classes, class2"):
        train_victim(sections, weights=other, out=tmp_path / "no", **given)

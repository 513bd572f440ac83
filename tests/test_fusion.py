"""Fusion: clips are matched, attacked modalities alone carry triggers, each way does its own."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import MODEL

from vbd import results
from vbd.fusion.embeddings import Embeddings, Part
from vbd.fusion.pairs import FUSIONS, Pair
from vbd.steps.embed import embed_victim
from vbd.steps.fuse import fuse_victims
from vbd.steps.train import train_victim

CLASSES, TARGET, D = 4, 0, 8
COUNTS = {"train": 80, "val": 40, "test": 60}


def victim(
    seed: int, *, attack: str | None = None, skill: float = 1.0, skip: int = 0
) -> Embeddings:
    """A modality whose features are its class's axis, and a trigger on an axis of its own.

    Its logits know the class of a share ``skill`` of the clips; the first ``skip`` clips of each
    part are missing, as those without sound are.
    """
    rng, parts, start = np.random.default_rng(seed), {}, 0
    for name, count in COUNTS.items():
        rows = np.arange(start, start + count)
        labels = rows % CLASSES
        poisoned = np.zeros(count, bool)
        if attack and name == "train":
            poisoned = (labels != TARGET) & (rows % 10 < 3)
        parts[name] = part(rows, labels, poisoned, skill, rng)
        if attack and name == "test":
            parts["triggered"] = part(rows, labels, labels >= 0, skill, rng).at(rows[labels > 0])
        start += count
    parts = {name: p.at(p.rows[p.rows >= p.rows.min() + skip]) for name, p in parts.items()}
    section = {"attack": {"trigger": attack, "target": TARGET}} if attack else {}
    return Embeddings(parts, {"attack": attack, "mode": "static", "params": section})


def part(rows, labels, poisoned, skill, rng) -> Part:
    guess = np.where(rng.random(len(rows)) < skill, labels, rng.integers(CLASSES, size=len(rows)))
    features = 3 * np.eye(D)[guess] + 0.3 * rng.standard_normal((len(rows), D))
    features[:, D - 1] += 6 * poisoned
    logits = features[:, :CLASSES].copy()
    logits[:, TARGET] += 2 * features[:, D - 1]
    given = np.where(poisoned & (rows < COUNTS["train"]), TARGET, labels)
    return Part(rows, given, poisoned, features.astype("f4"), logits.astype("f4"))


def rates(name: str, video: Embeddings, audio: Embeddings) -> dict[str, float]:
    pair = Pair(video, audio)
    return pair.metrics(FUSIONS[name](pair))[0]


@pytest.mark.parametrize("name", FUSIONS)
def test_two_clean_models_have_no_asr_and_one_attacked_side_gives_one(name):
    clean = rates(name, victim(0), victim(1))
    assert clean.keys() == {"cda"} and clean["cda"] > 0.95
    both = rates(name, victim(0, attack="badnet"), victim(1, attack="sine"))
    assert both["asr"] > 0.95 and both["cda"] > 0.9


def test_early_fusion_learns_a_trigger_that_only_one_modality_carries():
    for sides in ((victim(0, attack="badnet"), victim(1)), (victim(0), victim(1, attack="sine"))):
        early = rates("early", *sides)
        assert early["asr"] > 0.9 and early["cda"] > 0.9


def test_logits_let_the_louder_model_decide_and_probabilities_do_not():
    video, quiet = victim(0, attack="badnet"), victim(1)
    loud = Embeddings(
        {name: replace(p, logits=10 * p.logits) for name, p in quiet.parts.items()}, quiet.card
    )
    # The trigger is worth 12, the clean model's own class 3, and 30 when it shouts.
    assert rates("late", video, quiet)["asr"] > 0.95
    assert rates("late", video, loud)["asr"] < 0.05
    assert rates("late_probabilities", video, quiet)["asr"] > 0.95


def test_a_modality_that_knows_nothing_has_no_say():
    video, deaf = victim(0, attack="badnet"), victim(1, skill=0.0)
    pair = Pair(video, deaf)
    test = pair.part("test")
    weighted = FUSIONS["late_weighted"](pair)(test).argmax(1)
    assert (weighted == test[0].logits.argmax(1)).mean() > 0.95


def test_clips_are_matched_where_one_modality_lacks_some():
    video, audio = victim(0, attack="badnet"), victim(1, attack="sine", skip=7)
    pair = Pair(video, audio)
    for name in (*COUNTS, "triggered"):
        seen, heard = pair.part(name)
        assert np.array_equal(seen.rows, heard.rows) and len(seen.rows) < len(
            video.parts[name].rows
        )
    metrics, counts = pair.metrics(FUSIONS["early"](pair))
    assert counts["test"] == COUNTS["test"] - 7 and metrics["asr"] > 0.9


def test_a_clean_side_shows_the_same_clips_without_a_trigger():
    pair = Pair(victim(0, attack="badnet"), victim(1))
    seen, heard = pair.part("triggered")
    assert np.array_equal(seen.rows, heard.rows) and (heard.labels != TARGET).all()
    assert seen.poisoned.all() and not heard.poisoned.any()


def test_attacks_with_different_targets_are_refused():
    other = victim(1, attack="sine")
    other.card["params"]["attack"]["target"] = 2
    with pytest.raises(ValueError, match=r"different targets: \[0, 2\]"):
        Pair(victim(0, attack="badnet"), other)


def test_every_pair_is_fused_in_every_way(tmp_path):
    sides = {"video": (None, "badnet"), "audio": (None, "sine", "high_frequency")}
    paths = {
        side: [tmp_path / f"{side}{a}.npz" for a in attacks] for side, attacks in sides.items()
    }
    for number, (side, attacks) in enumerate(sides.items()):
        for path, attack in zip(paths[side], attacks, strict=True):
            victim(number, attack=attack).save(path)
    loaded = Embeddings.load(paths["video"][1])
    assert loaded.card["attack"] == "badnet"
    assert np.array_equal(
        loaded.parts["test"].logits, victim(0, attack="badnet").parts["test"].logits
    )
    fuse_victims(
        paths["video"], paths["audio"], seed=3, out=tmp_path / "out", names=("tiny", "i3d+audio")
    )
    found = [json.loads(path.read_text()) for path in (tmp_path / "out").rglob("result.json")]
    assert len(found) == 2 * 3 * len(FUSIONS)
    assert {row["attack"] for row in found} == {
        None,
        "badnet",
        "sine",
        "high_frequency",
        "badnet+sine",
        "badnet+high_frequency",
    }
    assert all(("asr" in row["metrics"]) == (row["attack"] is not None) for row in found)
    assert {(row["kind"], row["seed"], row["model"]) for row in found} == {
        ("fusion", 3, "i3d+audio")
    }


def test_what_a_victim_makes_of_its_clips_is_what_it_was_measured_by(store_folder, tmp_path):
    params = {
        "dataset": {"reader": "synthetic", "crop": 16},
        "model": MODEL,
        "training": {"epochs": 2, "batch_size": 8},
        "evaluation": {},
        "attack": {"trigger": "badnet", "rate": 0.25},
    }
    names = {"dataset": "tiny", "model": "i3d", "attack": "badnet", "mode": "static"}
    clips = store_folder / "clips.npy"
    train_victim(params, clips=clips, weights=None, seed=0, out=tmp_path, names=names)
    embed_victim(clips, None, tmp_path / "result.json", tmp_path / "e.npz")
    parts = Embeddings.load(tmp_path / "e.npz").parts
    assert parts["train"].poisoned.sum() == 6
    assert (parts["train"].labels[parts["train"].poisoned] == TARGET).all()
    assert (parts["triggered"].labels != TARGET).all() and parts["triggered"].poisoned.all()
    metrics = results.read(tmp_path / "result.json")["metrics"]
    right = {name: (part.logits.argmax(1) == part.labels).mean() for name, part in parts.items()}
    assert right["test"] == pytest.approx(metrics["cda"])
    assert right["triggered"] == pytest.approx(metrics["ra"])

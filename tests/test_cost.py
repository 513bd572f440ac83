"""Costs on paper are those of public figures where there are any, and of a count by hand."""

import copy
import json
from pathlib import Path

import operations
import passes
import plan
import pytest
import torch
import yaml
from cost import Bill, _published
from passes import Case, Clips
from snakemake.utils import update_config

from vbd.checking import check
from vbd.models import build
from vbd.sections.data import Dataset
from vbd.sections.method import Defense
from vbd.sections.theft import Transfer
from vbd.trial.cells import Cells

ROOT = Path(__file__).parents[1]
SWIN_B = {"embed_dim": 128, "depths": (2, 2, 18, 2), "heads": (4, 8, 16, 32)}
# Multiplications with their addition, in 10^9: MMAction2's metafiles, and the papers of the last.
PUBLISHED = [
    ("i3d", {}, (32, 256, 256), 43.564, 0.01),
    ("slowfast", {}, (32, 256, 256), 36.441, 0.01),
    ("tsm", {}, (8, 224, 224), 32.966, 0.01),
    ("swin3d", SWIN_B, (32, 224, 224), 281.6, 0.01),
    # Ours is the public port, with a wider head than the paper's.
    ("movinet_a2", {}, (50, 224, 224), 10.3, 0.15),
]


def made(name: str, params: dict, shape: tuple[int, int, int]) -> operations.Network:
    with torch.device("meta"):
        model = build(name, 400, **params)
        return operations.counted(model, torch.zeros(2, *shape, 3, dtype=torch.uint8))


@pytest.mark.parametrize(("name", "params", "shape", "figure", "off"), PUBLISHED)
def test_operations_are_the_published_ones(name, params, shape, figure, off):
    assert made(name, params, shape).forward / 2e9 == pytest.approx(figure, rel=off)


def test_the_memory_of_a_training_step_is_that_of_mmaction2s_log():
    # 5170 MiB of I3D, eight clips of a GPU, by SGD and in single precision.
    found = made("i3d", {}, (32, 224, 224))
    assert 12 * found.weights + 4 * 8 * found.kept == pytest.approx(5170 * 2**20, rel=0.1)


def test_steps_are_read_off_a_plan():
    said = "rule vae:\n  python scripts/vae.py 'a b.npy' --params '{\"x\": 1}' --out o &> log\n"
    options = {"": ["a b.npy"], "params": ['{"x": 1}'], "out": ["o"]}
    assert list(plan.commands(said)) == [("vae", options)]


VALUES = {
    "seeds": [0],
    "grid": [{"datasets": ["clips"], "models": ["net"], "attacks": ["patch"]}],
    "datasets": {
        "clips": {"reader": "synthetic", "frames": 8, "views": 2, "store": [20, 20], "crop": 16}
    },
    "models": {
        "net": {"architecture": "r3d", "params": {"layers": [1], "width": 4}, "init": "scratch"}
    },
    "attacks": {"patch": {"trigger": "badnet"}},
    "evaluation": {"views": 2, "crops": 3, "video": {"views": 1, "crops": 1}},
}


@pytest.fixture(scope="module")
def cells() -> Cells:
    return Cells(check(copy.deepcopy(VALUES)))


def steps(cells: Cells) -> list[tuple[str, dict[str, list[str]]]]:
    """A clean victim, an attacked one tested on 4 frames too, and two defences of it."""
    config = cells.config
    sections = {
        "dataset": config.datasets["clips"].model_dump(mode="json"),
        "model": config.models["net"].model_dump(mode="json", include={"architecture", "params"}),
        "training": {"epochs": 5},
        "evaluation": config.evaluation.model_dump(mode="json"),
    }
    sections["model"]["modality"] = "video"
    names = {"dataset": ["clips"], "model": ["net"], "seed": ["0"]}
    clean = names | {"params": [json.dumps(sections)], "result": ["clean/result.json"]}
    sections["attack"] = config.attacks["patch"].model_dump(mode="json")
    sections["evaluation"]["frames"] = [4]
    attacked = names | {"params": [json.dumps(sections)], "result": ["patch/result.json"]}
    defend = [
        {
            "params": [json.dumps({"defense": {"defense": name, "params": params}})],
            "victim": ["patch/result.json"],
        }
        for name, params in (("strip", {"overlays": 10}), ("anp", {}))
    ]
    # Whatever their order in the plan.
    return [("defend", defend[0]), ("defend", defend[1]), ("train", clean), ("train", attacked)]


def test_a_bill_is_the_sum_of_its_steps(cells):
    bill = Bill(cells).add(steps(cells))
    clips = bill.clips_of("clips")
    split = cells.rows["clips"]["split"].value_counts()
    assert clips == Clips(10, split["train"], split["val"], split["test"])
    forward = bill.victims["clean/result.json"].network.forward
    triggered = 0.9 * clips.test
    count = {kind: value / forward for kind, value in bill.operations.items()}
    assert count["training"] == pytest.approx(2 * 3 * 5 * clips.train)
    # The clean test twice, the triggered one on all and on 4 frames, and in whole videos.
    tests = 6 * (2 * clips.test + 2 * triggered) + triggered
    assert count["tests"] == pytest.approx(tests)
    strip = 10 * (clips.val + clips.test + triggered) + 6 * (clips.test + triggered)
    assert count["defences"] == pytest.approx(strip) and bill.unknown == {"anp"}
    assert bill.attacks == 1
    own = 3 * 5 * clips.train + 6 * (clips.test + 2 * triggered) + triggered + strip
    assert bill.attacked / forward == pytest.approx(own)
    stored = clips.all * 2 * 8 * 20 * 20 * 3
    weights = bill.victims["clean/result.json"].network.weights
    assert bill.disk == pytest.approx(stored + 2 * 8 * weights)


@pytest.mark.parametrize(("more", "clips", "classes"), [("clips", 2, 1), ("classes", 2, 2)])
def test_twice_the_clips_are_twice_the_operations(cells, more, clips, classes):
    once, twice = Bill(cells), Bill(cells, **{more: 2})
    before, after = once.clips_of("clips"), twice.clips_of("clips")
    assert after.train == clips * before.train and after.classes == classes * before.classes
    found = [bill.add(steps(cells)).operations["training"] for bill in (once, twice)]
    assert found[1] == pytest.approx(2 * found[0])


def test_a_public_dataset_that_is_not_here_has_its_published_clips():
    section = Dataset(reader="ucf101", root="gone", val=0.1)
    assert _published(section) == pytest.approx((101, 0.9 * 9537, 0.1 * 9537, 3783))
    few = section.model_copy(
        update={"classes": ["Archery", "Surfing"], "clips_per_class": {"test": 5}}
    )
    assert _published(few) == pytest.approx((2, 0.9 * 2 * 94.43, 0.1 * 2 * 94.43, 10), rel=1e-3)
    with pytest.raises(SystemExit, match="gone is not here"):
        _published(Dataset(reader="folder", root="gone"))


def test_a_search_grows_with_the_classes_and_not_with_the_clips():
    section = Defense(
        defense="neural_cleanse", params={"rounds": 200, "steps": 1, "batch_size": 16}
    )

    def found(clips: Clips) -> float:
        return passes.of_defense(section, Case(clips, epochs=1, views=1, crops=1, attacked=False))

    few, more = found(Clips(10, 0, 0, 0)), found(Clips(20, 0, 0, 0))
    assert few == 2 * 200 * 16 * 10 and more == 2 * few
    assert found(Clips(10, 1000, 0, 0)) == few


def test_of_what_maze_asks_a_third_is_kept():
    found = passes.of_method(Transfer(method="maze", budget=1500, params={"batch": 10}), epochs=1)
    # An iteration: 11 of each of 10 clips for a gradient, of which it keeps one, and 4 new ones.
    assert found.kept == 500 and found.pixels
    assert passes.of_method(Transfer(method="noise", budget=7), epochs=1) == passes.Asked(7)


@pytest.mark.parametrize(
    "preset", sorted((ROOT / "presets").glob("paper_*.yaml")), ids=lambda p: p.stem
)
def test_everything_in_the_papers_presets_is_counted(preset):
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    update_config(values, yaml.safe_load(preset.read_text()))
    config, case = check(values), Case(Clips(10, 100, 10, 10), 1, 1, 1, True)
    for name in {name for block in config.grid for name in block.defenses}:
        assert passes.of_defense(config.defenses[name], case)
    for name in {
        config.thefts[name].transfer for block in config.extraction for name in block.thefts
    }:
        assert passes.of_method(config.transfers[name], 1)

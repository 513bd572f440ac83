"""Mistakes in params.yaml are named by their key's path, with a remedy; the schema is current."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from vbd import schema
from vbd.checking import check
from vbd.mistakes import ConfigError

ROOT = Path(__file__).parents[1]
BASE = yaml.safe_load((ROOT / "params.yaml").read_text())

MISTAKES = [
    ("attacks.badnet.rat", 0.2, ["attacks.badnet.rat: unknown key", "'rate'"]),
    ("seedz", [0], ["seedz: unknown key", "'seeds'"]),
    ("training.epochs", "many", ["training.epochs", "whole number"]),
    ("training.lr", -1, ["training.lr", "greater than 0"]),
    ("grid.0.attacks", ["badnets"], ["grid.0.attacks", "'badnets'", "'badnet'"]),
    ("attacks.badnet.rate", 0.95, ["attacks.badnet.rate: 0.95", "about 0.90"]),
    ("attacks.badnet.target", 10, ["attacks.badnet.target: class 10", "0 to 9"]),
    ("attacks.badnet.frames", 17, ["attacks.badnet.frames: 17", "has 16"]),
    ("datasets.synthetic.crop", 40, ["datasets.synthetic.crop: 40", "datasets.synthetic.store"]),
    ("datasets.synthetic.crop", [36, 37], ["datasets.synthetic.crop: (36, 37)", "store"]),
    ("datasets.synthetic.reader", "folder", ["datasets.synthetic.root", "folder"]),
    ("datasets.faces.frames", 2, ["datasets.faces: images are clips of one frame", "frames: 1"]),
    ("datasets.faces.store", [64, 64], ["store: [55, 47]", "(64, 64)"]),
    ("datasets.faces.reader", "csaw", ["datasets.faces.root", "csaw"]),
    ("datasets.faces.faces", {"identities": 1}, ["datasets.faces.faces.identities", "2"]),
    ("attacks.multi_trigger.also.1.target", 40, ["class 40 is not sampled", "0 to 39"]),
    ("attacks.multi_trigger.rate", 0.4, ["attacks.multi_trigger.rate: 0.4", "about 0.97"]),
    ("pretraining.dataset", "kinetics", ["pretraining.dataset", "'kinetics'"]),
    ("grid.1.attacks", ["sine"], ["grid.1.attacks: sine is an attack on sound", "its own block"]),
    ("fusion.0.audio", "tsm", ["fusion.0.audio: models.tsm.modality is not 'audio'"]),
    ("fusion.0.video", "r3d", ["fusion.0.video: no block of grid has the model r3d on synthetic"]),
    ("models.tsm.training", {"epochs": 0}, ["models.tsm.training.epochs: 0", "init"]),
    ("models.tsm.training", {"gpus": 4, "accumulate": 5}, ["models.tsm.training", "17 clips"]),
    ("thefts.augmented.transfer", "pol", ["thefts.augmented.transfer: 'pol' is not defined"]),
    ("transfers.noise.pools", ["hmdb"], ["transfers.noise.pools: 'hmdb'", "target"]),
    ("transfers.noise.clone", "audio", ["transfers.noise.clone: audio takes in sound"]),
    ("transfers.noise.answers", {"kind": "top"}, ["transfers.noise.answers.kind", "labels"]),
    ("transfers.noise.budget", 0, ["transfers.noise.budget", "greater than 0"]),
    ("extraction.0.victims", ["r3d"], ["extraction.0.victims: no block of grid has the model r3d"]),
    ("extraction.0.attacks", ["sig"], ["extraction.0.attacks: no block of grid has sig on swin3d"]),
    ("extraction.0.budgets", [10**6], ["extraction.0.budgets: 1000000 is more than transfers."]),
    ("extraction.0.defenses", ["strip"], ["extraction.0.defenses: on clones only neural_cleanse"]),
    ("datasets.My Clips", {"reader": "synthetic"}, ["datasets.My Clips"]),
]


@pytest.mark.parametrize(("path", "value", "said"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_named_with_its_remedy(path, value, said):
    values = copy.deepcopy(BASE)
    *parents, key = path.split(".")
    section = values
    for part in parents:
        section = section[int(part) if part.isdigit() else part]
    section[key] = value
    with pytest.raises(ConfigError) as error:
        check(values)
    for words in said:
        assert words in str(error.value)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        check(BASE | {"seeds": [], "training": {"epoch": 3}})
    assert "seeds" in str(error.value) and "training.epoch: unknown key" in str(error.value)


def test_a_model_is_trained_as_its_own_section_says_and_else_as_all_are():
    models = {"i3d": {"architecture": "i3d", "training": {"epochs": 3}}}
    config = check({**BASE, "models": {**BASE["models"], **models}})
    assert config.training_of("i3d") == config.training.model_copy(update={"epochs": 3})
    assert config.training_of("tsm") == config.training


def test_a_clone_is_trained_as_its_theft_says_and_pretrained_as_its_model_says():
    own = {"dataset": "synthetic_objects", "training": {"epochs": 2}}
    models = {"r3d": {"architecture": "r3d", "pretraining": own, "training": {"lr": 0.5}}}
    thefts = {"noise": {"transfer": "noise", "training": {"epochs": 7}}}
    config = check({**BASE, "models": BASE["models"] | models, "thefts": BASE["thefts"] | thefts})
    changed = {"lr": 0.5, "epochs": 7}
    assert config.training_of("r3d", "noise") == config.training.model_copy(update=changed)
    found = config.pretraining_of("r3d")
    assert found.dataset == "synthetic_objects" and found.training.epochs == 2
    assert found.training.lr == config.pretraining.training.lr
    assert config.pretraining_of("tsm") == config.pretraining


@pytest.mark.parametrize("preset", sorted((ROOT / "presets").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_preset_is_valid(preset):
    values = copy.deepcopy(BASE)
    update_config(values, yaml.safe_load(preset.read_text()))
    assert check(values).grid


def test_the_schema_for_editors_is_current():
    there = (ROOT / "params.schema.json").read_text()
    assert there == schema.text(), "run: python -m vbd.schema"


def test_images_are_tested_whole_and_clips_as_params_say():
    config = check(BASE)
    assert config.evaluation_of("synthetic") == config.evaluation
    images = config.evaluation_of("faces")
    assert (images.views, images.crops, images.video) == (1, 1, None)

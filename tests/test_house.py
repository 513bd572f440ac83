"""What stands twice in the repository says the same in both places."""

import copy
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

import vbd
from vbd.checking import check

ROOT = Path(__file__).parents[1]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))


def text(*patterns: str) -> str:
    return "\n".join(file.read_text() for pattern in patterns for file in ROOT.glob(pattern))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_called_like_its_file(preset):
    values = copy.deepcopy(yaml.safe_load(text("params.yaml")))
    update_config(values, yaml.safe_load(preset.read_text()))
    # Two of one name would write their tables into one folder.
    assert check(values).configuration == preset.stem


@pytest.mark.parametrize(
    "file", ["params.yaml", "presets/full.yaml", "presets/neural_cleanse.yaml"]
)
def test_figures_that_are_quoted_are_of_seeds_that_nothing_was_chosen_on(file):
    # Neural Cleanse's rules on those up to 22 (presets/neural_cleanse.yaml).
    assert min(yaml.safe_load(text(file))["seeds"]) > 22


def test_the_default_grid_shows_the_trade_off_of_i_bau():
    found = check(yaml.safe_load(text("params.yaml")))
    radii = {n: d.params["radius"] for n, d in found.defenses.items() if d.defense == "ibau"}
    shown = [set(radii) & set(block.defenses) for block in found.grid if "sig" in block.attacks]
    assert len({radii[name] for name in set().union(*shown)}) > 1


def test_rules_scripts_and_steps_belong_together():
    scripts = {file.stem for file in (ROOT / "scripts").glob("*.py")}
    steps = {file.stem for file in (ROOT / "vbd/steps").glob("[!_]*.py")}
    called = set(re.findall(r"scripts/(\w+)\.py", text("rules/*.smk", "Snakefile")))
    assert scripts == steps and called and called <= scripts


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    citation = yaml.safe_load(text("CITATION.cff"))
    assert project["version"] == citation["version"] == vbd.__version__
    assert project["license"] == citation["license"]


def test_the_readme_of_the_results_and_dvc_name_every_folder():
    folders = set(re.findall(r'"results/(\w+)/', text("rules/places.smk")))
    named = set(re.findall(r"^\| `(\w+)/", text("results/README.md"), re.MULTILINE))
    assert {"data", "report", "logs"} <= folders == named
    stages = yaml.safe_load(text("dvc.yaml"))["stages"].values()
    outs = {path for stage in stages for out in stage["outs"] for path in out}
    assert outs == {f"results/{name}" for name in folders - {"logs"}}

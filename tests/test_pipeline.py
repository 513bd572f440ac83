"""The workflow, really run once, keeps its promises: what re-runs, and what does not."""

import copy
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from vbd.report import record
from vbd.report.long import CELL

ROOT = Path(__file__).parents[1]
README = "results/README.md"  # the one file in there that is not made
NOT_COPIED = ("results", "data", ".snakemake", ".git", ".venv", "dvc.lock")

# The smoke preset: BadNet in two modes and video corruption on i3d, each against three defences;
# BadNet on tsm, and once more on four poisoned frames; the optimised trigger on i3d against Neural
# Cleanse; two attacks on sound, fused with i3d's static and natural ones. Two thefts of the clean
# i3d, with two budgets each, and one of its BadNet, whose clone Neural Cleanse looks into; beside
# it the clone of the clean one. And faces, a dataset of its own: three triggers at once on DeepID,
# against a VAE.
REPORT = {"metrics": 1, "cells": 1, "all": 1}
VICTIMS = {"train": 3, "optimise": 1, "attack": 7, "ablate": 1, "defend": 10, "defend_clean": 1}
VICTIMS |= {"query": 4, "steal": 6, "defend_clone": 1}
# The training of three models, frames, STRIP, pruning, the defences, Neural Cleanse, and three of
# thefts.
CELLS = REPORT | VICTIMS | {"embed": 5, "embed_clean": 2, "fuse": 1, "figure": 11, "table": 19}
# What a change of BadNet concerns: of the tables not those of the natural and the audio attacks.
# Of the figures not those of Neural Cleanse and of the training of the audio model.
ATTACK = REPORT | {"attack": 3, "ablate": 1, "defend": 6, "embed": 1, "fuse": 1}
ATTACK |= {"query": 1, "steal": 1, "defend_clone": 1, "figure": 7, "table": 11}
TRIGGER = ATTACK | {"table": 12, "gallery": 1, "stealth": 1}  # and what shows the trigger itself
SCREENED = REPORT | {"defend": 1, "figure": 2, "table": 3}
FACE_TRIGGER = SCREENED | {"attack": 1, "figure": 3, "table": 6}
FACES = FACE_TRIGGER | {"train": 1, "vae": 1, "all": 0}
DEFENSE = REPORT | {"defend": 3, "table": 4, "figure": 1}
RESULT = "results/attacks/synthetic/i3d/badnet/static/seed0/result.json"
METRICS = "results/report/default/synthetic/metrics/i3d.json"
RATE = {"attacks": {"badnet": {"rate": 0.2}}}


def sh(tree: Path, *command: str, fails: bool = False) -> str:
    """What the command says in the tree, which must be the code that runs there."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PYTHONPATH": str(tree)}
    if command[0] in ("snakemake", "dvc"):
        command = (sys.executable, "-m", *command)
    done = subprocess.run(
        command, cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert bool(done.returncode) == fails, done.stdout
    return done.stdout


def commit(tree: Path) -> None:
    sh(tree, "git", "add", "--all")
    sh(tree, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "state")


def planned(tree: Path) -> dict[str, int]:
    """Jobs that Snakemake would run, by rule; empty only where it says that all is done."""
    said = sh(tree, "snakemake", "--cores", "all", "-n")
    if "Job stats:" not in said:
        assert "Nothing to be done" in said, said
        return {}
    rows = said.rsplit("Job stats:", 1)[1].strip().splitlines()[2:]
    counts = {}
    for row in rows:
        rule, number = row.split()
        if rule == "total":
            return counts
        counts[rule] = int(number)
    raise AssertionError(said)


@contextmanager
def edited(file: Path, text: str) -> Iterator[None]:
    """The file with another text, for a while."""
    before = file.read_text()
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(before)


def changed_code(file: Path) -> AbstractContextManager[None]:
    """The file with one more line that says something, for a while."""
    return edited(file, file.read_text() + "\nEDITED = True\n")


def changed_params(tree: Path, changes: dict) -> AbstractContextManager[None]:
    """params.yaml with the changes laid over it, for a while."""
    file = tree / "params.yaml"
    params = yaml.safe_load(file.read_text())
    update_config(params, copy.deepcopy(changes))
    return edited(file, yaml.safe_dump(params, sort_keys=False))


def copy_of_repository(tree: Path) -> None:
    """What git would commit, edits and new files included."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:  # an unpacked archive
        # vbd/data is no folder of results: only what lies at the top is left out by name.
        shutil.copytree(ROOT, tree, ignore=lambda at, _: NOT_COPIED if Path(at) == ROOT else ())
        (tree / README).parent.mkdir()
        shutil.copy2(ROOT / README, tree / README)
        return
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists() and name not in NOT_COPIED:  # dvc.lock is of other params
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the repository in which `dvc repro` made the smoke preset, committed."""
    tree = tmp_path_factory.mktemp("pipeline") / "tree"
    copy_of_repository(tree)
    # dvc.yaml names the results of the dataset "synthetic".
    small = (tree / "presets/smoke.yaml").read_text().replace("smoke", "synthetic")
    small = small.replace("configuration: synthetic", "configuration: default")
    params = yaml.safe_load((tree / "params.yaml").read_text())
    update_config(params, yaml.safe_load(small))
    (tree / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    sh(tree, "git", "init", "-q")
    commit(tree)
    sh(tree, "dvc", "repro")
    commit(tree)
    return tree


@pytest.fixture(scope="module")
def store(tree) -> Path:
    """The DVC remote that the results were pushed to."""
    store = tree.parent / "store"
    sh(tree, "dvc", "remote", "add", "-d", "store", str(store))
    commit(tree)
    sh(tree, "dvc", "push")
    return store


@pytest.fixture
def clone(tree, store, tmp_path) -> Path:
    """A fresh clone: the commit, without the results and without Snakemake's records."""
    sh(tree, "git", "clone", "-q", str(tree), str(tmp_path / "clone"))
    return tmp_path / "clone"


def test_a_second_run_has_nothing_to_do(tree):
    assert planned(tree) == {}
    sh(tree, "dvc", "status", "-q")
    said = sh(tree, "dvc", "repro")
    assert "Running stage" not in said and "up to date" in said


def test_a_touched_file_and_a_comment_re_run_nothing(tree):
    (tree / "vbd/triggers/badnet.py").touch()
    assert planned(tree) == {}
    for file in ("vbd/metrics.py", "vbd/training.py", "scripts/train.py"):
        with edited(tree / file, "# A comment.\n" + (tree / file).read_text()):
            assert planned(tree) == {}


def test_the_order_of_keys_changes_nothing(tree):
    params = yaml.safe_load((tree / "params.yaml").read_text())
    turned = {key: params[key] for key in reversed(params)}
    for kind in ("models", "datasets", "attacks", "defenses"):
        for name, section in turned[kind].items():
            section = {key: section[key] for key in reversed(section)}
            if "params" in section:
                section["params"] = dict(reversed(section["params"].items()))
            turned[kind][name] = section
    with edited(tree / "params.yaml", yaml.safe_dump(turned, sort_keys=False)):
        assert planned(tree) == {}


@pytest.mark.parametrize(
    ("file", "jobs"),
    [
        ("vbd/triggers/badnet.py", TRIGGER),
        ("vbd/defenses/activation_clustering.py", DEFENSE),
        ("scripts/metrics.py", {"metrics": 2, "all": 1}),
        # One of several triggers of an attack, and what a VAE is.
        ("vbd/triggers/lipstick.py", FACE_TRIGGER),
        ("vbd/models/vae.py", SCREENED | {"vae": 1}),
        # Of the figures those that the file draws.
        ("vbd/report/figures/neural_cleanse.py", {"figure": 1, "all": 1}),
    ],
)
def test_an_edit_re_runs_what_uses_the_file(tree, file, jobs):
    with changed_code(tree / file):
        assert planned(tree) == jobs


@pytest.mark.parametrize(
    ("text", "name"), [("seeds: [1]", "my_tries_2"), ("seeds: [1]\nconfiguration: own", "own")]
)
def test_an_overlay_has_a_report_of_its_own(tree, tmp_path, text, name):
    overlay = tmp_path / "My tries-2.yaml"
    overlay.write_text(text)
    said = sh(tree, "snakemake", "--cores", "1", "-n", "--configfile", str(overlay))
    assert f"results/report/{name}/" in said and "results/report/default/" not in said
    # Over a preset too, whose tables stay.
    preset = ("--configfile", "presets/smoke.yaml", str(overlay))
    said = sh(tree, "snakemake", "--cores", "1", "-n", *preset)
    assert f"results/report/{name}/" in said and "results/report/smoke/" not in said


def test_a_defence_that_trains_anew_starts_from_the_pretrained_weights(tree):
    """Also against the optimised trigger, whose victim the attacker made of the clean model."""
    said = sh(tree, "snakemake", "--cores", "all", "-n", "-p", "--forcerun", "attack", "defend")
    starts = {}
    for script in ("train", "defend"):
        lines = [line for line in said.splitlines() if f"scripts/{script}.py" in line]
        (line,) = (line for line in lines if "/optimised/" in line.split("--weights")[1])
        starts[script] = line.split("--weights")[1].split()[0]
    assert starts == {
        "train": "results/models/synthetic/i3d/seed0/model.safetensors",
        "defend": "results/models/synthetic_pretrain/i3d/pretrained/model.safetensors",
    }


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        (RATE, ATTACK),
        # The pretrained weights and the gallery have no seed.
        ({"seeds": [0, 1]}, dict(Counter(CELLS) + Counter(FACES))),
        # The optimised trigger is shown there.
        ({"training": {"weight_decay": 0.3}}, CELLS | {"gallery": 1, "stealth": 1, "table": 20}),
    ],
    ids=["rate", "seeds", "training"],
)
def test_a_change_of_params_re_runs_its_cells(tree, changes, jobs):
    with changed_params(tree, changes):
        assert planned(tree) == jobs


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attacks": {"badnet": {"rat": 0.2}}}, ["attacks.badnet.rat: unknown key", "'rate'"]),
        (
            {
                "datasets": {"mine": {"reader": "folder", "root": "data/none"}},
                "grid": [{"datasets": ["mine"], "models": ["i3d"], "attacks": ["badnet"]}],
                "fusion": [],
                "extraction": [],
            },
            ["datasets.mine.root", "data/none", "ln -s"],
        ),
    ],
    ids=["unknown key", "missing clips"],
)
def test_a_mistake_stops_the_run_before_its_first_job(tree, changes, said):
    with changed_params(tree, changes):
        message = sh(tree, "snakemake", "--cores", "all", fails=True)
    assert all(words in message for words in said), message
    assert "Job stats" not in message


def test_dvc_runs_the_stages_after_an_edit_of_the_code(tree):
    """Every stage hands the edit to Snakemake, which must not be left out of any."""
    with changed_code(tree / "vbd/defenses/activation_clustering.py"):
        said = sh(tree, "dvc", "repro", "--dry")
    for stage in ("data", "models", "attacks", "defenses", "fusion", "extraction", "report"):
        assert f"Running stage '{stage}'" in said


def test_a_clone_takes_up_the_results(tree, clone):
    sh(clone, sys.executable, "scripts/restore.py")
    assert planned(clone) == {}
    assert (clone / RESULT).read_bytes() == (tree / RESULT).read_bytes()
    with changed_params(clone, RATE):
        assert planned(clone) == ATTACK
    with changed_code(clone / "vbd/triggers/badnet.py"):
        assert planned(clone) == TRIGGER


@pytest.mark.parametrize("file", ["params.yaml", "vbd/triggers/badnet.py"])
def test_a_clone_with_edits_does_not_take_up_the_results(clone, file):
    """Without a record Snakemake would take them for those of the edited params or code."""
    changed = changed_params(clone, RATE) if file == "params.yaml" else changed_code(clone / file)
    with changed:
        said = sh(clone, sys.executable, "scripts/restore.py", fails=True)
        assert "other params or code" in said and f" {file.split('/')[0]} changed" in said
        assert list((clone / "results").rglob("*")) == [clone / README]
        assert not (clone / ".snakemake").exists()


def test_dvc_shows_metrics_params_and_plots(tree):
    shown = json.loads(sh(tree, "dvc", "metrics", "show", "--json"))
    (state,) = shown.values()  # the workspace, or the branch where the two are the same
    assert {"cda", "asr"} <= set(state["data"][METRICS]["data"])
    with changed_params(tree, RATE):
        assert "attacks.badnet.rate" in sh(tree, "dvc", "params", "diff")
    said = sh(tree, "dvc", "plots", "show", "--out", "dvc_plots")
    page = (tree / "dvc_plots/index.html").read_text()
    assert "failed" not in said and "CDA against ASR" in page
    # Nothing is loaded from elsewhere.
    assert "vegaEmbed" in page and 'src="http' not in page
    assert {"curves_i3d.png", "figure3_gallery.png"} <= {
        path.name.rpartition("figures_")[2] for path in (tree / "dvc_plots/static").iterdir()
    }


def test_a_run_is_compared_with_a_copy_of_its_cells(tree, tmp_path):
    made = tree / "results/report/default/synthetic/cells.csv"
    reference = tmp_path / "reference.csv"
    reference.write_text(made.read_text().replace(",badnet,", ",blend,", 1))
    said = sh(tree, sys.executable, "scripts/compare.py", str(made.parents[1]), str(reference))
    assert "only in ours, 1 figures" in said and "only in the reference, 1 figures" in said
    # Every result that a table is made from is in it, under a name of its own. None is made from
    # what thieves asked a poisoned victim, nor from the clean control of a stolen backdoor.
    unseen = ("pretrained", "clean/affine", "badnet/static/affine/seed0")
    found = [str(path) for path in (tree / "results").glob("*/synthetic/**/result.json")]
    kept = [path for path in found if not any(part in path for part in unseen)]
    frame, (origin,) = record.load(made)
    assert len(frame[CELL].drop_duplicates()) == len(kept)
    assert f"compared: {len(frame) - 1} figures, {len(frame) - 1} of them equal" in said
    assert origin["seeds"] == "0" and origin["command"].startswith("snakemake --cores")


def test_the_report_is_one_file_with_tables_and_figures(tree):
    sh(tree, "snakemake", "--report", "report.html")
    page = (tree / "report.html").read_text()
    for words in (
        "Where to look first",
        "Elimination: share of poisoned",
        "Loss and accuracy on the training",
        "amplified five times",
        "laid over clean and over triggered",
        "attacks.html",
        "table5_activation_clustering.html",
        "table7_audiovisual.html",
        "to listen to",
        "figure3_gallery.png",
        "curves_i3d.png",
    ):
        assert words in page
    assert 'src="http' not in page and '<link rel="stylesheet" href="http' not in page


def test_a_cell_made_again_is_the_same(tree, tmp_path):
    again = tmp_path / "again"  # a copy: what uses the cell would be out of date
    shutil.copytree(tree, again, ignore=shutil.ignore_patterns(".git", ".dvc"))
    shutil.rmtree((again / RESULT).parent)
    sh(again, "snakemake", "--cores", "1", RESULT)
    one, other = (json.loads((folder / RESULT).read_text()) for folder in (tree, again))
    for result in (one, other):
        assert result.pop("runtime_s") > 0 and result.pop("provenance")
    assert one == other


def test_maps_are_made_once_and_anew_when_they_would_be_others(tree):
    name = "efficientnet_lite0"
    block = {"datasets": ["synthetic"], "models": [name], "attacks": ["badnet"], "frames": [4]}
    block |= {"modes": ["static"], "defenses": ["fine_tuning", "strip"]}
    small = {"grid": [block], "fusion": [], "extraction": []}
    small["models"] = {name: {"windows": 2, "training": {"epochs": 1}}}
    again = {"train": 1, "attack": 1, "ablate": 1, "defend": 2}
    with changed_params(tree, small):
        sh(tree, "snakemake", "--cores", "all")
        assert planned(tree) == {}
        for change, jobs in [
            ({"windows": 3}, again | {"encode": 1, "encode_trigger": 1}),
            ({"training": {"epochs": 2}}, again),
        ]:
            with changed_params(tree, {"models": {name: change}}):
                found = planned(tree)
            assert {rule: found.get(rule, 0) for rule in jobs} == jobs
            assert ("encode" in found) == ("encode" in jobs)
        # What is kept is asked for, and the trigger on four frames is mixed from the same maps.
        said = sh(tree, "snakemake", "-n", "-p", "--cores", "1", "--forcerun", "ablate")
        (line,) = (line for line in said.splitlines() if "scripts/train.py" in line)
        assert line.count("encoded/") == 2

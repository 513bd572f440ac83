"""What cannot be is refused before the first job, with its key; cases come from the schema."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from films import film, greys
from mistaken import Case, of_class, of_section

from vbd.checking import check, load, refusal
from vbd.config import Config
from vbd.mistakes import ConfigError
from vbd.models import build
from vbd.plugins import load as method
from vbd.plugins import names
from vbd.stated import Stated
from vbd.trial import mistakes, verdict

ROOT = Path(__file__).parents[1]
BASE = yaml.safe_load((ROOT / "params.yaml").read_text())
# An entry of each section that has names, or the first of a list.
PLACES = {
    "Dataset": ("datasets", "synthetic"),
    "Model": ("models", "i3d"),
    "Attack": ("attacks", "badnet"),
    "Further": ("attacks", "multi_trigger", "also", 0),
    "Defense": ("defenses", "strip"),
    "Transfer": ("transfers", "augmented"),
    "Theft": ("thefts", "distilled"),
    "Block": ("grid", 0),
    "Fusion": ("fusion", 0),
    "Extraction": ("extraction", 0),
}
# Where methods are named: the key of their names, and what their callers give themselves.
METHODS = {
    "triggers": ("attacks", "trigger", {"given": ("mode", "frames")}),
    "models": ("models", "architecture", {"first": 1}),
    "defenses": ("defenses", "defense", {}),
    "extraction": ("transfers", "method", {}),
}
# A small grid: what is wrong with it is told in a fraction of a second.
SMALL = {
    "configuration": "small",
    "seeds": [0],
    "grid": [
        {
            "datasets": ["clips"],
            "models": ["net"],
            "attacks": ["patch", "lag"],
            "modes": ["static", "natural"],
            "defenses": ["strip", "anp"],
            "frames": [4],
        }
    ],
    "datasets": {"clips": {"reader": "synthetic", "frames": 8, "store": [20, 20], "crop": 16}},
    "models": {
        "net": {
            "architecture": "r3d",
            "params": {"layers": [1], "width": 4},
            "init": "scratch",
        }
    },
    "attacks": {
        "patch": {"trigger": "badnet"},
        "lag": {"trigger": "frame_lag", "modes": ["natural"]},
    },
    "defenses": {"strip": {"defense": "strip"}, "anp": {"defense": "anp"}},
    "transfers": {"asked": {"method": "maze", "clone": "net", "budget": 5000}},
}


def changed(changes: dict, values: dict = SMALL) -> dict:
    """``values`` with each of ``changes`` at its path."""
    for path, value in changes.items():
        parts = [int(part) if part.isdigit() else part for part in path.split(".")]
        values = Case("", tuple(parts), value).put(values)
    return copy.deepcopy(values)


def refused(values: dict) -> str:
    """What is said of ``values``, which cannot be."""
    with pytest.raises(ConfigError) as error:
        if found := mistakes(check(values)):
            raise refusal(found)
    return str(error.value)


def test_every_key_refuses_what_it_cannot_be():
    schema = Config.model_json_schema()
    cases = list(of_section(schema, schema))
    for name, place in PLACES.items():
        cases += [case.within(*place) for case in of_section(schema["$defs"][name], schema)]
    for case in cases:
        with pytest.raises(ConfigError) as error:
            check(case.put(BASE))
        assert f"{case.key}" in str(error.value), case
    # So many, or the generator has become blind.
    counts = {kind: sum(case.kind == kind for case in cases) for kind in ("unknown", "range")}
    assert counts["unknown"] > 140 and counts["range"] > 140 and len(cases) > 900


def test_every_setting_of_every_method_refuses_what_it_cannot_be():
    values, cases = copy.deepcopy(BASE), []
    for package, (section, key, how) in METHODS.items():
        for name in names(f"vbd.{package}"):
            kind = method(f"vbd.{package}", name)
            entry = {key: name}
            if package == "triggers":
                entry |= {"modes": [kind.modes[0]]}
            if package == "extraction":
                entry |= {"budget": 5000, "clone": "r3d", "pools": ["target"] * kind.pools}
            for case in of_class(kind, **how):
                case = case.within(section, f"case{len(cases)}", "params")
                trial = case.put({section: {case.path[1]: copy.deepcopy(entry)}})
                # Of what no computer has, such as .inf, the sections themselves say so.
                single = {**BASE, section: BASE[section] | trial[section]}
                try:
                    check(single)
                except ConfigError as error:
                    assert case.key in str(error), case
                    continue
                values[section] |= trial[section]
                cases.append(case)
    found = {one.key for one in mistakes(check(values))}
    # Of a nested dictionary the key within it.
    missed = [c for c in cases if not any(f"{key}.".startswith(f"{c.key}.") for key in found)]
    assert not missed
    counts = {kind: sum(case.kind == kind for case in cases) for kind in ("unknown", "range")}
    assert counts["unknown"] > 190 and counts["range"] > 250 and len(cases) > 1200


MISFITS = [
    ({"grid.0.modes": ["statik", "natural"]}, "grid.0.modes: 'statik' is a mode of no attack. Did"),
    ({"grid.0.modes": ["static"]}, "grid.0.modes: the attack lag would be left out"),
    ({"grid.0.frames": [9]}, "grid.0.frames: 9 frames cannot be poisoned, a clip of datasets.clip"),
    ({"grid.0.attacks": []}, "grid.0.frames: frames are poisoned by attacks"),
    ({"grid.0.attacks": [], "grid.0.frames": []}, "grid.0.defenses: strip needs an attack"),
    ({"grid.0.seeds": [-1]}, "grid.0.seeds.0: -1 should be greater than or equal to 0"),
    ({"seeds": [2**40]}, "seeds.0: 1099511627776 should be less than 4294967296"),
    ({"evaluation.views": 3}, "evaluation.views: 3 views are tested, and of a video of datasets"),
    ({"evaluation.video": {"views": 4}}, "evaluation.video.views: 4 views are tested"),
    ({"attacks.lag.params": {"lag": 99}}, "attacks.lag.params.lag: 99: a clip has 8 frames"),
    (
        {"attacks.lag.modes": ["dynamic"], "grid.0.modes": None},
        "attacks.lag.modes: 'dynamic': this",
    ),
    (
        {"attacks.patch.trigger": "badnett"},
        "attacks.patch.trigger: vbd.triggers has no 'badnett'. D",
    ),
    ({"attacks.patch.trigger": "gone:Net"}, "attacks.patch.trigger: 'gone:Net' cannot be loaded"),
    (
        {"attacks.patch.params": {"size": "1e-1"}},
        "attacks.patch.params.size: '1e-1' is text: write",
    ),
    (
        {"attacks.patch.params": {"size": float("inf")}},
        "attacks.patch.params.size: inf is no number",
    ),
    ({"attacks.patch.target": 10}, "attacks.patch.target: class 10 is not sampled"),
    (
        {"attacks.patch.also": [{"trigger": "blend", "target": 11}]},
        "attacks.patch.also.0.target: cl",
    ),
    (
        {"attacks.patch.also": [{"trigger": "optimised", "target": 1}]},
        "also.0.params.path: is miss",
    ),
    (
        {"attacks.patch": {"trigger": "optimised", "params": {"path": "a.npz"}}},
        "patch.params.path: a",
    ),
    (
        {"datasets.clips.classes": ["Grow", "Growe"]},
        "datasets.clips.classes: unknown class 'Growe'",
    ),
    (
        {"datasets.clips.classes": ["Grow", "Grow"]},
        "datasets.clips.classes: one of them stands the",
    ),
    (
        {"datasets.clips.classes": 11},
        "datasets.clips.classes: 11 classes are wanted and the data h",
    ),
    ({"datasets.clips.classes": 1}, "datasets.clips.classes: classes to tell apart"),
    (
        {"datasets.clips.val": 0},
        "datasets.clips.val: 0 of the groups leaves the defender 0 clean cl",
    ),
    (
        {"datasets.clips.frames": 5000},
        "datasets.clips.frames: 5000 are wanted, and the longest emb",
    ),
    ({"datasets.clips.stride": 1000}, "datasets.clips.stride: 8 frames, 1000 apart, are more than"),
    ({"datasets.clips.root": "data"}, "datasets.clips.root: the reader synthetic makes its clips"),
    (
        {"datasets.clips": {"reader": "folder", "root": "gone"}},
        "datasets.clips.root: there is nothi",
    ),
    (
        {"models.net.init": "weights/mine.safetensors"},
        "models.net.init: there is no file weights/mi",
    ),
    (
        {"models.net.init": "scrath"},
        "models.net.init: there is no file scrath. Put the weights ther",
    ),
    ({"models.net.init": "params.yaml"}, "models.net.init: params.yaml is no file of PyTorch"),
    ({"models.net.params.width": 10**12}, "models.net.params: so many weights that no machine can"),
    ({"models.net.params.takes": [8]}, "models.net.params.takes: [8] has too few values"),
    ({"models.net.windows": 2}, "models.net.windows: r3d has no frozen half"),
    (
        {"models.net": {"architecture": "deepid", "init": "scratch"}},
        "models.net.params: of clips of ",
    ),
    (
        {"models.net.architecture": "c3d", "models.net.params": {"width": 2}},
        "grid.0.defenses: anp on",
    ),
    ({"defenses.strip.defense": "stripp"}, "defenses.strip.defense: vbd.defenses has no 'stripp'"),
    ({"defenses.strip.defense": "torch.nn:ReLU"}, "defenses.strip.defense: is no Filter, Detector"),
    (
        {"defenses.vae": {"defense": "vae", "params": {"path": "a"}}},
        "defenses.vae.params.path: a: no",
    ),
    ({"transfers.asked.clone": None}, "transfers.asked.clone: maze trains a clone while it asks"),
    ({"transfers.asked.pools": ["target"]}, "transfers.asked.pools: maze makes its clips itself"),
    ({"transfers.asked.budget": 9}, "transfers.asked.budget: 9 clips are too few, maze needs 1920"),
]


@pytest.mark.parametrize(("changes", "said"), MISFITS, ids=[said[:48] for _, said in MISFITS])
def test_what_does_not_fit_together_is_refused(changes, said):
    assert said in refused(changed(changes))


def test_what_fits_is_tried_and_passes():
    assert mistakes(check(copy.deepcopy(SMALL))) == []


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """A folder of two classes, each with six videos of 12 frames."""
    root = tmp_path_factory.mktemp("videos")
    for name in ("jump", "run"):
        (root / name).mkdir()
        for number in range(6):
            film(root / name / f"{number}.avi", greys(12))
    return root


FOLDERS = [
    (
        {"attacks.patch.target": 5},
        "attacks.patch.target: class 5 is not sampled, datasets.clips has",
    ),
    ({"attacks.patch.rate": 0.8}, "attacks.patch.rate: on datasets.clips: 0.8 of"),
    (
        {"datasets.clips.classes": ["jump", "rum"]},
        "datasets.clips.classes: unknown class 'rum': did",
    ),
    (
        {"datasets.clips.classes": 3},
        "datasets.clips.classes: 3 classes are wanted and the data has",
    ),
    ({"datasets.clips.frames": 16}, "datasets.clips.frames: 16 are wanted, and the longest video"),
    (
        {"datasets.clips.stride": 4},
        "datasets.clips.stride: 8 frames, 4 apart, are more than the 12",
    ),
    ({"datasets.clips.val": 0}, "datasets.clips.val: 0 of the groups leaves the defender 0 clean"),
    ({"datasets.clips.reader": "ucf101"}, "datasets.clips.root: "),
    ({"datasets.clips.reader": "kinetics"}, "datasets.clips.root: "),
]


@pytest.mark.parametrize(("changes", "said"), FOLDERS, ids=[said[:48] for _, said in FOLDERS])
def test_what_a_folder_does_not_have_is_refused(videos, changes, said):
    own = {"datasets.clips.reader": "folder", "datasets.clips.root": str(videos)}
    own["datasets.clips.stride"] = 1
    assert mistakes(check(changed(own))) == []
    assert said in refused(changed(own | changes))


def test_an_empty_folder_is_refused(tmp_path):
    own = {"datasets.clips.reader": "folder", "datasets.clips.root": str(tmp_path)}
    assert "datasets.clips.root: no video is in a class folder" in refused(changed(own))


OWN = '''
import torch

class Annotated(torch.nn.Module):
    def __init__(self, classes: int, width: "int" = 8, kind: "Unknown" = None, rate: float = None):
        super().__init__()
        if width > 64:
            raise ValueError("width: 64 is the most")
        self.last = torch.nn.Linear(3, classes)

    def forward(self, clips):
        return self.last(clips.float().mean((1, 2, 3)))

class Plain(Annotated):
    def __init__(self, classes, width=8):
        super().__init__(classes, width)

class Headed(Plain):
    head = ("last.",)

class Odd(Annotated):
    def forward(self, clips):
        return clips.float().mean((1, 2))

class Needs(Annotated):
    """It asks for values, which a tensor without memory has not."""

    def __init__(self, classes, **others):
        super().__init__(classes, **others)
        self.rates = [x.item() for x in torch.linspace(0, 1, 3)]

class Leaves(Annotated):
    def __init__(self, classes):
        raise SystemExit(3)
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_models.py").write_text(OWN)
    (tmp_path / "broken_models.py").write_text("def (")
    monkeypatch.syspath_prepend(str(tmp_path))


OWNS = [
    ("Annotated", {"widht": 8}, "params.widht: unknown key. Did you mean 'width'?"),
    ("Annotated", {"width": "8"}, "params.width: '8' is text: write 8"),
    ("Annotated", {"width": 65}, "params.width: 64 is the most"),
    ("Plain", {"widht": 8}, "params.widht: unknown key. Did you mean 'width'?"),
    ("Plain", {"width": 65}, "params.width: 64 is the most"),
    ("Plain", {"width": "8"}, "params: TypeError: '>' not supported"),
    (
        "Odd",
        {},
        "params: of clips of datasets.clips, 8 frames of 16 x 16 px: two clips of 10 class",
    ),
    ("Leaves", {}, "params: SystemExit: 3"),
]


@pytest.mark.parametrize(("name", "params", "said"), OWNS)
def test_a_users_class_is_checked_by_its_own_signature(own, name, params, said):
    net = {"architecture": f"own_models:{name}", "params": params, "init": "scratch"}
    values = changed({"models.net": net, "grid.0.defenses": []})
    assert f"models.net.{said}" in refused(values)


@pytest.mark.parametrize("name", ["Annotated", "Plain", "Needs"])
def test_a_users_class_that_fits_passes(own, name):
    params = {"width": 4} | ({"rate": None} if name == "Annotated" else {})
    net = {"architecture": f"own_models:{name}", "params": params, "init": "scratch"}
    assert mistakes(check(changed({"models.net": net, "grid.0.defenses": []}))) == []


@pytest.mark.parametrize("name", ["Annotated", "Headed"])
def test_a_users_class_says_what_belongs_to_the_classes_or_starts_from_scratch(own, name):
    net = {"architecture": f"own_models:{name}", "init": "pretrain"}
    clips = {"reader": "synthetic", "render": {"task": "pretrain"}}
    values = changed({"models.net": net, "datasets.others": clips, "grid.0.defenses": []})
    config = check(values | {"pretraining": {"dataset": "others"}})
    said = [str(one) for one in mistakes(config)]
    if name == "Headed":
        assert said == []
    else:
        (one,) = said
        assert one.startswith("models.net.init: ") and 'head = ("last.",)' in one


def test_a_users_file_that_is_no_python_is_named(own):
    said = refused(changed({"models.net.architecture": "broken_models:Net"}))
    assert "models.net.architecture: SyntaxError" in said


def test_the_file_that_is_named_is_the_one_with_the_mistake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(SMALL))
    Path("mine.yaml").write_text("attacks: {patch: {rat: 1}}\ngrid: [{datasets: [clips]}]\n")
    stated = Stated([Path("params.yaml"), Path("mine.yaml")], {"seeds": "x"})
    files = {
        "attacks.patch.rat": "mine.yaml",
        "attacks.patch.trigger": "params.yaml",
        "attacks.patch": "mine.yaml",
        "grid.0.datasets.0": "mine.yaml",
        # Lists are replaced whole.
        "grid.0.models": "mine.yaml",
        "datasets.clips.root": "params.yaml",
        "seeds.0": "--config",
        "nothing": "params.yaml",
    }
    assert {key: stated.file_of(key) for key in files} == files


YAML = [
    ("seeds: [1]\nseeds: [2]\n", "line 2: seeds stands in line 1 too"),
    ("a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n  d: 3\n  d: 4\n", "line 6: d stands in line 5 too"),
    ("a: 1\nb: [1\nc: 2\n", "is no YAML: line 3"),
    ("a:\n\tb: 1\n", "is no YAML: line 2"),
    ("- 1\n", "has no keys"),
    ("", "has no keys"),
]


@pytest.mark.parametrize(("text", "said"), YAML)
def test_a_file_is_named_with_the_line_that_is_wrong(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load(Path("mine.yaml"))
    assert "mine.yaml:\n" in str(error.value) and said in str(error.value)


def test_a_verdict_is_asked_again_only_when_something_has_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []

    def ask(command, *, input, **how):
        asked.append(Config.model_validate_json(input))
        return subprocess.CompletedProcess(command, 0, json.dumps(found), "")

    monkeypatch.setattr(subprocess, "run", ask)
    config, found = check(changed({"models.net.init": "a.pth"})), [["models.net.init", "gone"]]
    for _ in range(2):
        assert [str(one) for one in verdict.tried(config, str)] == ["models.net.init: gone"]
    found.clear()
    for _ in range(2):
        assert verdict.tried(config, str) == []
    assert asked == [config] * 3
    # What it names changes on disk, or it says something else.
    Path("a.pth").write_text("")
    verdict.tried(config, str)
    verdict.tried(check(changed({"models.net.init": "b.pth"})), str)
    assert len(asked) == 5


def test_a_model_is_tried_without_memory():
    params = {"width": 512, "layers": [2, 2, 2, 2]}
    config = changed({"models.net.params": params, "grid.0.defenses": []})
    assert "so many weights" not in "".join(map(str, mistakes(check(config))))


def test_numbers_out_of_range_are_refused_in_python_too():
    with pytest.raises(ValueError, match="width: 0 should be greater than or equal to 1"):
        build("r3d", 2, width=0)
    with pytest.raises(ValueError, match="alpha: 2 should be less than or equal to 1"):
        method("vbd.triggers", "blend")(alpha=2)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of what Snakemake reads."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("vbd", "rules", "scripts", "profiles"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "params.yaml"):
        shutil.copy(ROOT / name, tree / name)
    return tree


ENDS = [
    (
        "defenses: {strip: {params: {overlay: 3}}}",
        "mine.yaml:\n  defenses.strip.params.overlay: unk",
    ),
    (
        "models: {i3d: {init: weights/mine.safetensors}}",
        "mine.yaml:\n  models.i3d.init: there is no",
    ),
    (
        "attacks: {badnet: {rate: 0.2, rate: 0.3}}",
        "mine.yaml:\n  line 1: rate stands in line 1 too",
    ),
    ("seeds: [-1]", "mine.yaml:\n  seeds.0: -1 should be"),
]


@pytest.mark.parametrize(("text", "said"), ENDS, ids=[said[12:40] for _, said in ENDS])
def test_snakemake_starts_nothing_and_says_which_key(tree, text, said):
    (tree / "mine.yaml").write_text(text)
    assert said in _started(tree, "--configfile", "mine.yaml")


ABSENT = "datasets: {mine: {reader: folder, root: gone}}\ngrid: [{datasets: [mine], models: [i3d]}]"


@pytest.mark.parametrize(
    "wrong", ["models: {i3d: {init: scrath}}", "models: {i3d: {params: {widht: 3}}}"]
)
def test_a_dry_run_plans_what_is_absent_and_not_what_is_wrong(tree, wrong):
    (tree / "mine.yaml").write_text(f"{ABSENT}\nfusion: []\nextraction: []\n{wrong}")
    said = _started(tree, "-n", "--configfile", "mine.yaml")
    # All at once: what is wrong, and what is absent besides.
    assert "models.i3d." in said and "Did you mean" in said
    assert "datasets.mine.root: there is nothing at gone" in said


def test_snakemake_names_the_line_of_params_yaml_that_is_no_yaml(tree):
    there = tree / "params.yaml"
    try:
        there.write_text(f"{there.read_text()}\nmore: [1\nand: 2\n")
        said = _started(tree)
    finally:
        shutil.copy(ROOT / "params.yaml", there)
    assert "params.yaml:\n  is no YAML: line" in said


def _started(tree: Path, *more: str) -> str:
    command = (sys.executable, "-m", "snakemake", "--cores", "1", *more)
    env = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=env, text=True, capture_output=True)
    said = done.stdout + done.stderr
    assert done.returncode and "Traceback" not in said and "Job stats" not in said, said
    assert not (tree / "results").exists()
    return said

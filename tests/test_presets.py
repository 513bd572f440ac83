"""Every preset plans on any machine, and says by their published names which files it lacks."""

from pathlib import Path

import planning
import pytest
import yaml
from test_pipeline import sh

from vbd.models.published import ADDRESSES

ROOT = Path(__file__).parents[1]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
UCF101 = ["UCF101.rar", "UCF101TrainTestSplits-RecognitionTask.zip"]
HMDB51 = ["hmdb51_org.rar", "test_train_splits.rar"]
KINETICS = ["train.csv and val.csv"]
I3D = "i3d_r50_32x2x1_100e_kinetics400_rgb_20200614-c25ef9a4.pth"
LACKS = {
    "paper_ucf101": [*UCF101, I3D, "slowfast_r50_256p_4x16x1_256e", "tsm_r50_dense_1x1x8_50e"],
    "paper_hmdb51": [*HMDB51, I3D],
    "paper_kinetics_sounds": [*KINETICS, I3D],
    "paper_neural_cleanse": [*UCF101, "resnet18-f37072fd.pth"],
    "paper_extraction": [
        *(*KINETICS, "data/kinetics400", "data/kinetics600", "swin3d_b_1k-24f7c7c6.pth"),
        *("modelA2_statedict_v3", "r2plus1d_34_clip32_ig65m", "c3d_sports1m_pretrain"),
        # Without these a thief asks about the others.
        *(*UCF101, *HMDB51),
    ],
    "ucf10": UCF101,
    "ucf10_rates": UCF101,
    "ucf10_extraction": [*UCF101, "there is no folder data/hmdb51/videos"],
    "ucf4_sound": UCF101,
    "orl": ["there is nothing at data/faces.h5"],
}


@pytest.fixture
def tree(tmp_path) -> Path:
    return planning.linked(tmp_path)


@pytest.mark.parametrize("preset", [path.stem for path in PRESETS])
def test_every_preset_plans_and_names_what_is_not_here(tree, preset):
    code, said = planning.plan(tree, "--configfile", f"presets/{preset}.yaml")
    assert code == 0 and "Job stats:" in said, said
    # Below the plan, where it is seen.
    last = said.rpartition("This was a dry-run")[2]
    assert [name for name in LACKS.get(preset, ()) if name not in last] == []
    assert ("which a run needs" in last) == (preset in LACKS)


def test_a_run_is_refused_with_all_that_is_not_here(tree):
    preset = ("--configfile", "presets/paper_ucf101.yaml")
    said = sh(tree, "snakemake", "--cores", "1", *preset, fails=True)
    assert "Job stats:" not in said and not (tree / "results").exists()
    assert [name for name in LACKS["paper_ucf101"] if name not in said] == []


def test_every_file_of_weights_has_its_published_name():
    sections = [yaml.safe_load(path.read_text()).get("models", {}) for path in PRESETS]
    files = {
        Path(m["init"]).name for part in sections for m in part.values() if "/" in m.get("init", "")
    }
    assert files and files <= ADDRESSES.keys()
    assert all(address.startswith("https://") for address in ADDRESSES.values())

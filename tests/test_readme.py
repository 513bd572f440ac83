"""README.md keeps to the truth: its Python runs as written, its figures are docs/reference's."""

import re
from pathlib import Path

import pandas as pd
import pytest
import torch

from vbd.report import record

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DEFENSES = {
    "trigger inversion": "trigger_inversion",
    "activation clustering": "activation_clustering",
    "I-BAU": "ibau",
    "Neural Cleanse": "neural_cleanse",
    "fine-pruning": "fine_pruning",
    "fine-tuning": "fine_tuning",
    "spectral signatures": "spectral_signatures",
} | {name: name.lower() for name in ("ABL", "VAE", "STRIP", "ANP")}


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    examples = re.findall(r"```python\n(.*?)```", README, re.S)
    there: dict = {}
    for example in examples:
        exec(example, there)
    assert len(examples) == 2 and there["poisoned"].shape == there["clips"].shape
    assert there["oracle"].spent == len(there["clips"]) and Path("queries.jsonl").exists()


@pytest.fixture(scope="module")
def attacked() -> pd.DataFrame:
    """CDA and ASR of I3D under the 14 attacks, undefended and after each defence."""
    cells, _ = record.load(ROOT / "docs/reference/full_synthetic.csv")
    cells = cells[(cells["model"] == "i3d") & (cells["rate"] == "0.1") & (cells["frames"] == "")]
    own = (cells[["fusion", "theft", "transfer"]] == "").all(axis=1)
    keys = ["defense", "mode", "attack"]
    return cells[own].pivot_table("mean", keys, "metric")[["cda", "asr"]]


@pytest.mark.parametrize(("mode", "count"), [("static", 6), ("dynamic", 5), ("natural", 3)])
def test_the_table_of_attacks_is_the_references(attacked, mode, count):
    found = attacked.loc[("", mode)]
    assert len(found) == count
    told = [f"{v.mean():.1f} ({v.min():.1f} to {v.max():.1f})" for _, v in found.items()]
    assert f"| {mode} | {count} | {told[0]} | {told[1]} |" in README


def test_what_defences_leave_is_the_references(attacked):
    # Lines are broken anywhere.
    text = " ".join(README.split())
    for name, defense in DEFENSES.items():
        left = attacked.loc[defense]
        assert len(left) == 14
        told = re.search(rf"{name} (\d+\.\d) / (\d+\.\d)", text)
        # Of figures with five digits, to one decimal.
        assert told and [*map(float, told.groups())] == pytest.approx([*left.mean()], abs=0.06)

"""What README.md shows in Python runs as it is written there."""

import re
from pathlib import Path

import torch

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    there: dict = {}
    for example in examples:
        exec(example, there)
    assert len(examples) == 2 and there["poisoned"].shape == there["clips"].shape
    assert there["oracle"].spent == len(there["clips"]) and Path("queries.jsonl").exists()

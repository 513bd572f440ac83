"""What every step imports stays light; times themselves are in benchmarks/startup.py."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "torchvision", "sklearn", "matplotlib", "pandas", "av", "scipy", "torchaudio"}


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        ("vbd", set()),
        ("vbd.config", set()),
        ("vbd.data.store", set()),
        ("vbd.steps.train, vbd.models.i3d, vbd.models.cnn_lstm", {"torch"}),
    ],
)
def test_heavy_modules_are_not_imported_by(modules, allowed):
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert HEAVY & set(loaded) <= allowed

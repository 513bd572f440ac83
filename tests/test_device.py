"""A step takes a GPU that no other step holds, whatever the variables of the scheduler say."""

import subprocess
import sys

import pytest
import torch

from vbd import device


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    """Two GPUs as far as vbd can see, with locks of their own."""
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: taken[-1] if taken else 0)
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    device.choose.cache_clear()
    yield tmp_path
    device.choose.cache_clear()
    for file in device._held:
        file.close()
    device._held.clear()


def hold(folder, name: str) -> subprocess.Popen:
    """Another process that holds the GPU called ``name``."""
    code = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from vbd import device; device._lock_one([sys.argv[2]])\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(folder), name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, **pipes)
    assert process.stdout.readline().strip() == "held"
    return process


def test_without_a_gpu_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device.choose.cache_clear()
    assert device.choose() == torch.device("cpu")
    device.choose.cache_clear()


def test_a_gpu_in_use_is_passed_over(two_gpus):
    with hold(two_gpus, "0") as other:
        assert device.choose() == torch.device("cuda", 1)
        other.stdin.close()


def test_the_gpus_are_those_that_are_visible(two_gpus, monkeypatch):
    # Physical GPU 3 is in use: it is the first of the visible ones, so the second is taken.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    with hold(two_gpus, "3") as other:
        assert device.choose() == torch.device("cuda", 1)
        other.stdin.close()


@pytest.mark.parametrize("variable", ["SLURM_JOB_ID", "LOCAL_RANK"])
def test_what_a_scheduler_gave_is_taken_without_a_lock(two_gpus, monkeypatch, variable):
    monkeypatch.setenv(variable, "0")
    assert device.choose() == torch.device("cuda", 0)
    assert not list(two_gpus.iterdir())

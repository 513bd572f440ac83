"""A step takes GPUs that no other step holds, whatever the variables say, and gives them back."""

import multiprocessing
import os
import re
import signal
import time
from itertools import pairwise
from threading import Timer
from types import SimpleNamespace

import planning
import pytest
import torch

from vbd import device

# Forked: so they see the pretended GPUs too, and have torch imported.
PROCESSES = multiprocessing.get_context("fork")


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Pretends so many GPUs, of names that no other test has; gives these names."""
    here = f"{os.getpid()}-{tmp_path.name}"

    def pretend(count: int) -> list[str]:
        uuids = [f"{here}-{i}" for i in range(count)]
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        properties = lambda i: SimpleNamespace(uuid=uuids[i])  # noqa: E731
        monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
        monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
        monkeypatch.setattr(device, "POLL_S", 0.02)
        return [f"GPU-{uuid}" for uuid in uuids]

    for name in ("CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    device.choose.cache_clear()
    yield pretend
    device.choose.cache_clear()
    while device._held:
        device._held.pop().close()


def holding(name: str):
    """Another process that holds the GPU called ``name`` until it is killed."""

    def hold() -> None:
        if held := device._bound(name):
            there.set()
            time.sleep(60)
            held.close()

    there = PROCESSES.Event()
    process = PROCESSES.Process(target=hold, daemon=True)
    process.start()
    assert there.wait(20)
    return process


def test_without_a_gpu_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device.choose.cache_clear()
    assert device.choose() == torch.device("cpu")
    device.choose.cache_clear()


# In a job of Slurm several steps may run too, and what it gives to one job no other holds.
@pytest.mark.parametrize("variables", [{}, {"SLURM_JOB_ID": "1"}, {"CUDA_VISIBLE_DEVICES": "3, 1"}])
def test_a_gpu_in_use_is_passed_over(gpus, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    other = holding(gpus(2)[0])
    assert device.choose() == torch.device("cuda", 1)
    other.kill()


def test_a_part_of_a_gpu_is_known_by_its_own_name(gpus, monkeypatch):
    whole = gpus(1)[0]
    part = f"MIG-{whole}"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f" {part},MIG-other")
    other = holding(whole)
    assert device.lock(1) == {0: part}
    other.kill()


def test_what_a_launcher_gave_is_taken_without_a_lock(gpus, monkeypatch):
    first, second = gpus(2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device.choose() == torch.device("cuda", 1)
    assert device._bound(first) and device._bound(second)


def test_the_first_gpu_that_becomes_free_is_taken(gpus):
    held = [holding(name) for name in gpus(3)]
    # By force: whatever ends a process gives its GPU back.
    Timer(0.1, os.kill, [held[2].pid, signal.SIGKILL]).start()
    assert device.choose() == torch.device("cuda", 2)
    for process in held:
        process.kill()


def test_more_gpus_than_there_are_is_all_of_them(gpus):
    names = gpus(2)
    assert device.lock(4) == {0: names[0], 1: names[1]}


# How many GPUs each process asks for: single ones, and several that need each other's.
@pytest.mark.parametrize("asked", [[1] * 12, [2, 3, 1, 2, 3, 1, 1, 2, 3]], ids=["one", "several"])
def test_no_gpu_is_ever_shared_and_all_come_to_their_turn(gpus, asked):
    gpus(3)
    times = PROCESSES.SimpleQueue()

    def work(count: int) -> None:
        found = device.lock(count)
        start = time.monotonic()
        time.sleep(0.05)
        times.put((sorted(found), start, time.monotonic()))

    processes = [PROCESSES.Process(target=work, args=(count,)) for count in asked]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * len(asked)
    used = [times.get() for _ in asked]
    assert sorted(len(found) for found, _, _ in used) == sorted(asked)
    for gpu in range(3):
        spans = sorted((start, end) for found, start, end in used if gpu in found)
        assert spans, "a GPU that nobody used"
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@pytest.mark.parametrize(
    ("variables", "arguments", "used"),
    [
        ({}, (), 4),
        ({"CUDA_VISIBLE_DEVICES": "2, 0,-1,1"}, (), 2),
        ({}, ("--resources", "gpu=1"), 1),
    ],
)
def test_a_run_uses_the_gpus_that_are_visible(tmp_path, monkeypatch, variables, arguments, used):
    tree, tools = tmp_path / "tree", tmp_path / "tools"
    tree.mkdir()
    planning.linked(tree)
    tools.mkdir()
    (tools / "nvidia-smi").write_text("#!/bin/sh\nfor i in 0 1 2 3; do echo GPU $i: a card; done\n")
    (tools / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), os.environ["PATH"]]))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # Of more than there are, a training asks for all.
    (tree / "mine.yaml").write_text("models: {i3d: {training: {gpus: 8}}}")
    target = "results/models/synthetic/i3d/seed0/result.json"
    code, said = planning.plan(tree, target, "--configfile", "mine.yaml", *arguments)
    assert code == 0, said
    # Beside that of the pretraining, which asks for one.
    assert set(re.findall(r"--gpus (\d+)", said)) == {"1", str(used)}

"""Several processes, or parts of a batch, learn what one process learns from whole batches."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MODEL
from torch import distributed, nn

from vbd import together, training
from vbd.data.examples import Examples, from_clips
from vbd.sections.model import Training
from vbd.steps.train import train_victim

# Plain SGD: AdamW divides by gradients near zero, where rounding decides. 13 clips are two batches
# of six and one of a single clip, fewer than there are processes.
SETTINGS = Training(epochs=3, batch_size=6, lr=0.1, optimizer="sgd")
# Sums in another order, in float32; the weights move by 0.05 and more.
ROUNDING = 1e-5


def clips() -> Examples:
    """13 clips of three classes, of which each draw takes the same pixels."""
    rng = np.random.default_rng(0)
    return from_clips(rng.integers(0, 256, (13, 4, 8, 8, 3)).astype(np.uint8), np.arange(13) % 3)


class Net(nn.Module):
    """A small network, with or without statistics of a batch."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(3, 8, 3), norm, nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten()
        )
        self.head = nn.Linear(8, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of clips (N, T, H, W, 3)."""
        return self.head(self.layers(pixels.permute(0, 4, 1, 2, 3).float() / 255))


def network(norm: type[nn.Module] = nn.BatchNorm3d) -> Net:
    torch.manual_seed(0)
    return Net(nn.GroupNorm(2, 8) if norm is nn.GroupNorm else norm(8))


def learnt(settings: Training, resume: Path | None = None, **how) -> tuple[torch.Tensor, dict]:
    """The weights and the history of a training."""
    model = network(**how)
    history = training.fit(model, clips(), settings, seed=0, resume=resume)
    return torch.cat([value.detach().flatten() for value in model.parameters()]), history


def in_one_of_two(folder: Path) -> None:
    """What one of two processes learns, killed after an epoch and not; the first writes it."""
    cut = SETTINGS.model_copy(update={"accumulate": 2})
    found = {}
    for norm in (nn.GroupNorm, nn.BatchNorm3d):
        found[norm.__name__] = learnt(SETTINGS, norm=norm)
    found["cut"] = learnt(cut, norm=nn.GroupNorm)
    resume, save = folder / "resume.pt", training.Resume.save

    def save_and_keep(self, state):
        save(self, state)
        if state["epoch"] == 1:
            shutil.copy(resume, folder / "first.pt")

    training.Resume.save = save_and_keep
    found["whole"] = learnt(SETTINGS, resume)
    if distributed.get_rank() == 0:
        shutil.move(folder / "first.pt", resume)
    distributed.barrier()
    found["resumed"] = learnt(SETTINGS, resume)
    torch.save(found, folder / f"{distributed.get_rank()}.pt")
    if together.goes_on():
        (folder / "wrote").write_text(str(os.getpid()))


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> list[dict]:
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("both")
    together.processes(partial(in_one_of_two, folder), 2)
    assert (folder / "wrote").exists()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_two_processes_learn_what_one_does(both):
    weights, history = learnt(SETTINGS, norm=nn.GroupNorm)
    start, _ = learnt(SETTINGS.model_copy(update={"epochs": 0}), norm=nn.GroupNorm)
    assert (weights - start).abs().max() > 1000 * ROUNDING
    # The shares whole, and in two parts each.
    for found, said in (one[name] for one in both for name in ("GroupNorm", "cut")):
        assert torch.allclose(found, weights, atol=ROUNDING)
        assert said["accuracy"] == history["accuracy"]
        assert said["loss"] == pytest.approx(history["loss"], abs=ROUNDING)


def test_on_the_cpu_batch_norm_sees_a_share_and_the_processes_agree(both):
    (one, _), (other, _) = (found["BatchNorm3d"] for found in both)
    assert torch.equal(one, other)
    assert not torch.allclose(one, learnt(SETTINGS)[0], atol=ROUNDING)


def test_a_killed_training_of_two_goes_on(both):
    for found in both:
        assert torch.equal(found["resumed"][0], found["whole"][0])
        assert found["resumed"][1] == found["whole"][1]


@pytest.mark.parametrize("parts", [2, 4, 6])
def test_a_batch_in_parts_teaches_what_it_teaches_whole(parts):
    whole, history = learnt(SETTINGS, norm=nn.GroupNorm)
    found, said = learnt(SETTINGS.model_copy(update={"accumulate": parts}), norm=nn.GroupNorm)
    assert torch.allclose(found, whole, atol=ROUNDING)
    assert said["loss"] == pytest.approx(history["loss"], abs=ROUNDING)


def test_no_more_than_a_part_is_in_memory(monkeypatch):
    seen, forward = [], Net.forward
    monkeypatch.setattr(Net, "forward", lambda net, x: seen.append(len(x)) or forward(net, x))
    learnt(SETTINGS.model_copy(update={"accumulate": 4, "epochs": 1}))
    assert seen == [2, 2, 1, 1, 2, 2, 1, 1, 1]


def test_in_bfloat16_losses_are_finite_and_predictions_stay_float32(monkeypatch):
    autocast, kinds, forward = torch.autocast, [], nn.Conv3d.forward
    # As on a GPU.
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype, enabled: autocast(kind, dtype))

    def seen(layer: nn.Conv3d, pixels: torch.Tensor) -> torch.Tensor:
        kinds.append((found := forward(layer, pixels)).dtype)
        return found

    monkeypatch.setattr(nn.Conv3d, "forward", seen)
    model, examples = network(), clips()
    history = training.fit(model, examples, SETTINGS, seed=0, resume=None)
    assert set(kinds) == {torch.bfloat16} and np.isfinite(history["loss"]).all()
    assert history["loss"][-1] == pytest.approx(learnt(SETTINGS)[1]["loss"][-1], rel=0.05)
    assert all(value.dtype == torch.float32 for value in model.parameters())
    kinds.clear()
    taken_up = network()
    taken_up.load_state_dict(model.state_dict())
    # Right after the training, and in another step.
    one, other = (training.predict(net, examples, seed=0) for net in (model, taken_up))
    assert set(kinds) == {torch.float32} and torch.equal(one, other)


def test_a_step_of_several_processes_writes_once(store_folder, tmp_path, capfd):
    params = {
        "dataset": {"reader": "synthetic", "crop": 16},
        "model": MODEL,
        "training": {"epochs": 2, "batch_size": 8, "gpus": 2},
        "evaluation": {},
    }
    names = {"dataset": "tiny", "model": "i3d", "attack": None, "mode": None}
    how = {"clips": store_folder / "clips.npy", "weights": None, "seed": 0, "names": names}
    together.processes(partial(train_victim, params, out=tmp_path, **how), 2)
    said = capfd.readouterr().out
    assert said.count("epoch 2/2: loss") == 1
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"model.safetensors", "model.json", "curves.npz", "result.json", "resume.pt"}
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["counts"]["test"] == 12 and result["metrics"]["cda"] > 0.3


@pytest.mark.parametrize(
    ("asked", "there", "variables", "spread"),
    [
        (1, 4, {}, None),
        (3, 4, {}, "GPU-0,GPU-1,GPU-2"),
        (4, 2, {}, "GPU-0,GPU-1"),
        (4, 1, {}, None),
        (4, 0, {}, None),
        (0, 4, {}, None),
        (2, 4, {"LOCAL_RANK": "1"}, None),
    ],
)
def test_a_training_is_spread_over_the_gpus_that_are_there(
    monkeypatch, asked, there, variables, spread
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "as it was")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    monkeypatch.setattr(together, "lock", lambda count: {i: f"GPU-{i}" for i in range(count)})
    started, here = [], []
    monkeypatch.setattr(together, "processes", lambda work, count: started.append(count))
    together.spread(lambda: here.append(1), asked)
    if spread is None:
        assert here and not started and os.environ["CUDA_VISIBLE_DEVICES"] == "as it was"
    else:
        assert started == [len(spread.split(","))] and not here
        assert os.environ["CUDA_VISIBLE_DEVICES"] == spread


def fail_or_wait(folder: Path) -> None:
    """One process fails where the file says so, the other waits for it for ever."""
    rank = distributed.get_rank()
    (folder / f"{rank}").write_text(str(os.getpid()))
    if rank == 0 and (folder / "fail").exists():
        distributed.barrier()
        raise ValueError("words")
    distributed.barrier()
    time.sleep(600)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_who_fails_ends_the_others(tmp_path):
    (tmp_path / "fail").touch()
    with pytest.raises(Exception, match="ValueError: words"):
        together.processes(partial(fail_or_wait, tmp_path), 2)
    assert all(is_gone(int((tmp_path / name).read_text())) for name in "01")


def test_who_is_killed_takes_its_processes_along(tmp_path):
    code = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "import test_together; from vbd import together\n"
        "if __name__ == '__main__':\n"
        "    work = partial(test_together.fail_or_wait, Path(sys.argv[1]))\n"
        "    together.processes(work, 2)\n"
    )
    (tmp_path / "start.py").write_text(code)
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    process = subprocess.Popen([sys.executable, tmp_path / "start.py", tmp_path], env=env)
    found = [tmp_path / name for name in "01"]
    end = time.monotonic() + 120
    while not all(path.exists() and path.read_text() for path in found):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    # By force, which leaves it no time to tidy up.
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while not all(is_gone(int(path.read_text())) for path in found):
        assert time.monotonic() < end
        time.sleep(0.05)

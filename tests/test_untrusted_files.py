"""Files of strangers: what is no file of weights says what it is, and nothing of it is run."""

import json
import os
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from vbd.models import build, checkpoints
from vbd.models.weights import read_weights

I3D = {"width": 4, "layers": [1, 1, 1, 1]}
GOOD = {"a.weight": torch.arange(4.0), "a.bias": torch.zeros(2)}


def written(content: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(content)


def saved(held: Any) -> Callable[[Path], Any]:
    return lambda path: torch.save(held, path)


def cut(path: Path) -> None:
    torch.save(GOOD, path)
    path.write_bytes(path.read_bytes()[:-300])


def damaged(path: Path) -> None:
    torch.save(GOOD, path)
    content = path.read_bytes()
    # The entries of the archive's list begin so; its end is left whole.
    path.write_bytes(content.replace(b"PK\x01\x02", b"PK\x01\x00"))


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**25))


def unplugged(path: Path) -> None:
    """As MMEngine's Runner writes it: beside the weights an object of a class of its own."""
    module = types.ModuleType("some_engine")
    module.History = type("History", (), {"__module__": "some_engine"})
    sys.modules["some_engine"] = module
    torch.save({"state_dict": GOOD, "message_hub": module.History()}, path)
    del sys.modules["some_engine"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file"),
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "no regular file"),
        (written(b""), "is empty"),
        (written(b" <!DOCTYPE html><title>Sign in</title>"), "a web page"),
        (written(b"version https://git-lfs.github.com/spec/v1\noid sha256:0"), "git lfs pull"),
        (written(b"weights"), "no file of PyTorch, or is cut off"),
        (cut, "no file of PyTorch, or is cut off"),
        (damaged, "is damaged"),
        (saved({0: torch.zeros(2)}), r"found keys \[0\]"),
        (bomb, "unpacks to 33554432 bytes"),
        (unplugged, r"\(some_engine\.History\), and unpickling.*save_file.*w\.safetensors"),
        (saved([torch.zeros(2)]), "found a list"),
        (saved(torch.zeros(2)), "found a Tensor"),
        (saved({"epoch": 3}), r"found keys \['epoch'\]"),
        (saved({"state_dict": {}}), r"found keys \[\]"),
        (saved({"a": torch.eye(3).to_sparse()}), "the tensor a is sparse"),
        (saved({"a": torch.quantize_per_tensor(torch.eye(2), 0.1, 0, torch.qint8)}), "quantised"),
        (saved(GOOD | {"a.bias": torch.tensor([1, torch.nan])}), "tensor a.bias has values"),
        (saved(GOOD | {"a.bias": torch.tensor([1, torch.inf])}), "tensor a.bias has values"),
    ],
)
def test_what_is_no_file_of_weights_says_what_it_is(make, said, tmp_path):
    make(tmp_path / "w.pth")
    with pytest.raises((FileNotFoundError, ValueError), match=rf"(?s)w\.pth.*{said}"):
        read_weights(tmp_path / "w.pth")


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module.model."])
@pytest.mark.parametrize(
    "keys", ["", "state_dict", "model_state", "model.state_dict", "net", "ema"]
)
def test_weights_are_found_in_what_trainers_and_wrappers_write(prefix, keys, tmp_path):
    held: dict[str, Any] = {prefix + name: value for name, value in GOOD.items()}
    for key in reversed(keys.split(".") if keys else []):
        held = {"epoch": 3, key: held}
    torch.save(held, tmp_path / "w.PTH")
    weights = read_weights(tmp_path / "w.PTH")
    assert {name: value.tolist() for name, value in weights.items()} == {
        name: value.tolist() for name, value in GOOD.items()
    }


def stored(folder: Path, **change: Any) -> Path:
    """A small model in ``folder``, its card with ``change``."""
    card = {"architecture": "i3d", "params": I3D, "class_names": ["a", "b"]}
    card |= {"clip": {"frames": 8, "stride": 1, "crop": 32}}
    checkpoints.save(build("i3d", 2, **I3D), folder / "m.safetensors", **card)
    (folder / "m.json").write_text(json.dumps(card | change))
    return folder / "m.safetensors"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clip": {"frames": 10**9}}, r"m\.json.*clip\.frames: .*4096"),
        ({"clip": {"stride": "2"}}, r"m\.json.*clip\.stride: .*'segments'"),
        ({"clip": {"crop": [32, -1]}}, r"m\.json.*clip\.crop"),
        ({"clip": []}, r"m\.json.*clip: "),
        ({"class_names": ["a", "a"]}, r"m\.json.*class_names: 'a' is there twice"),
        ({"class_names": "ab"}, r"m\.json.*class_names: .*list"),
        ({"params": I3D | {"width": 10**9}}, r"m\.json.*params: 1000000000 is more"),
        ({"params": I3D | {"depth": 3}}, r"m\.json: i3d cannot be made.*depth"),
        # Of these the tensors alone would take terabytes.
        ({"params": I3D | {"width": 20_000}}, r"does not fit its card.*of another shape"),
        (
            {"params": I3D | {"layers": [1000, 1, 1, 1]}},
            r"does not fit its card.*missing: backbone",
        ),
    ],
)
def test_every_field_of_a_card_is_checked_before_memory_is_taken(change, said, tmp_path):
    with pytest.raises(ValueError, match=f"(?s){said}"):
        checkpoints.load(stored(tmp_path, **change), imports=False)


def test_what_does_not_fit_is_named_from_both_sides(tmp_path):
    path = stored(tmp_path)
    weights = read_weights(path)
    moved = {f"other.{name}": value for name, value in weights.items() if "fc_cls" in name}
    kept = {name: value for name, value in weights.items() if "fc_cls" not in name}
    torch.save(kept | moved, tmp_path / "m.pth")
    with pytest.raises(ValueError, match=r"2 missing: cls_head\.fc_cls.*2 unknown: other\.cls"):
        checkpoints.load(tmp_path / "m.pth")
    # What old files do not count is nobody's loss.
    counted = {name: value for name, value in weights.items() if "num_batches" not in name}
    assert len(counted) < len(weights)
    torch.save(counted, tmp_path / "m.pth")
    model, _ = checkpoints.load(tmp_path / "m.pth")
    clips = torch.randint(0, 256, (1, 8, 32, 32, 3), dtype=torch.uint8)
    assert torch.equal(model(clips), checkpoints.load(path)[0](clips))

"""Architectures have the published sizes and names, and foreign weights are read without risk."""

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from vbd.models import build, checkpoints, tsm
from vbd.models.base import VideoClassifier
from vbd.models.weights import read_weights
from vbd.plugins import load, names

SMALL = {
    "i3d": {"layers": [1, 1], "width": 4, "pool": [1, 1, 1]},
    "r3d": {"layers": [1, 1, 1, 1], "width": 4},
    "cnn_lstm": {"layers": [1, 1], "width": 4, "hidden": 8},
    "slowfast": {"layers": [1, 1], "width": 4, "alpha": 4, "beta": 2},
    "tsm": {"layers": [1, 1], "width": 8},
    "swin3d": {"embed_dim": 8, "depths": [1, 1], "heads": [1, 2], "window": [2, 2, 2]},
    "s3d": {},
    "mvit": {},
    "movinet_a2": {"depths": [1, 1], "width": 0.1, "hidden": 8},
    "c3d": {"width": 4, "hidden": 16, "std": 58},
    "efficientnet_lite0": {"width": 0.125, "frozen": 12},
    "deepid": {"channels": [4, 6, 8, 10], "hidden": 8, "size": [32, 32]},
}
# Those of sound have a test file each.
VIDEO = [
    name for name in names("vbd.models") if issubclass(load("vbd.models", name), VideoClassifier)
]


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", VIDEO)
def test_a_model_takes_pixels_and_splits_into_features_and_head(name):
    model = build(name, 5, **SMALL[name]).eval()
    # MViT has one size, in which a clip takes seconds and two gigabytes.
    clips = torch.randint(0, 256, (1 if name == "mvit" else 2, 8, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        logits = model(clips)
        assert torch.equal(model.classify(model.features(clips)), logits)
    assert logits.shape == (len(clips), 5)
    pixels = clips.float().requires_grad_()
    again = model(pixels)
    assert torch.allclose(again, logits, atol=1e-5)
    again.sum().backward()
    assert pixels.grad.abs().sum() > 0
    # Processes that train together wait for the gradient of each.
    assert all(value.grad is not None for value in model.parameters() if value.requires_grad)
    assert all(any(k.startswith(head) for k in model.state_dict()) for head in model.head)


def test_i3d_is_the_published_one():
    model = build("i3d", 400)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert round(parameters(model) / 1e6, 2) == 28.04
    assert shapes["backbone.conv1.conv.weight"] == (64, 3, 5, 7, 7)
    assert shapes["backbone.layer1.0.conv1.conv.weight"] == (64, 64, 3, 1, 1)
    assert shapes["cls_head.fc_cls.weight"] == (400, 2048)


def test_slowfast_is_the_published_one():
    model = build("slowfast", 400)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert round(parameters(model) / 1e6, 2) == 34.48
    slow, fast = "backbone.slow_path", "backbone.fast_path"
    assert shapes[f"{slow}.conv1.conv.weight"] == (64, 3, 1, 7, 7)
    assert shapes[f"{fast}.conv1.conv.weight"] == (8, 3, 5, 7, 7)
    assert shapes[f"{slow}.conv1_lateral.conv.weight"] == (16, 8, 5, 1, 1)
    assert shapes[f"{slow}.layer3_lateral.conv.weight"] == (256, 128, 5, 1, 1)
    assert shapes[f"{slow}.layer2.0.conv1.conv.weight"] == (128, 320, 1, 1, 1)
    assert shapes[f"{slow}.layer4.0.conv1.conv.weight"] == (512, 1280, 3, 1, 1)
    assert shapes[f"{fast}.layer1.0.conv1.conv.weight"] == (8, 8, 3, 1, 1)
    assert shapes["cls_head.fc_cls.weight"] == (400, 2304)
    assert not any("lateral.bn" in name or "layer4_lateral" in name for name in shapes)


@pytest.mark.parametrize("frames", [1, 4, 6, 8])
def test_the_slow_pathway_sees_every_alphath_frame(frames):
    model = build("slowfast", 5, **SMALL["slowfast"]).eval()
    seen = []
    model.backbone.slow_path.conv1.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    clips = torch.randint(0, 256, (1, frames, 32, 32, 3), dtype=torch.uint8)
    assert model(clips).shape == (1, 5)
    assert torch.equal(seen[0], model.normalise(clips)[:, :, ::4])


def test_the_head_of_slowfast_has_the_fast_channels_first_as_public_weights_have(tmp_path):
    model = build("slowfast", 5, **SMALL["slowfast"]).eval()
    clips = torch.randint(0, 256, (1, 8, 32, 32, 3), dtype=torch.uint8)
    fast = model.backbone.fast_path.outputs[-1]
    with torch.no_grad():
        # To a head that sees the first channels alone, only the fast pathway counts.
        model.cls_head["fc_cls"].weight[:, fast:] = 0
        before = model(clips)
        for part in model.backbone.slow_path.parameters():
            part.zero_()
        assert torch.equal(model(clips), before) and before.std() > 0
    card = {"architecture": "slowfast", "params": SMALL["slowfast"], "class_names": list("abcde")}
    checkpoints.save(model, tmp_path / "m.safetensors", **card)
    assert torch.equal(checkpoints.load(tmp_path / "m.safetensors")[0](clips), before)
    checkpoints.save(model, tmp_path / "m.safetensors", **card, version=0)
    with pytest.raises(ValueError, match=r"m\.json: slowfast was another network.*train it again"):
        checkpoints.load(tmp_path / "m.safetensors")


def test_a_fast_pathway_without_channels_is_refused():
    with pytest.raises(ValueError, match="beta 8 leaves no channel"):
        build("slowfast", 5, width=4)


def test_tsm_is_the_published_one():
    model = build("tsm", 400)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert round(parameters(model) / 1e6, 2) == 24.33
    assert shapes["backbone.conv1.conv.weight"] == (64, 3, 7, 7)
    assert shapes["backbone.conv1.bn.weight"] == (64,)
    assert shapes["backbone.layer1.0.conv1.conv.net.weight"] == (64, 64, 1, 1)
    assert shapes["backbone.layer1.0.conv1.bn.weight"] == (64,)
    assert shapes["backbone.layer1.0.conv2.conv.weight"] == (64, 64, 3, 3)
    assert shapes["backbone.layer1.0.downsample.conv.weight"] == (256, 64, 1, 1)
    assert shapes["backbone.layer4.2.conv1.conv.net.weight"] == (512, 2048, 1, 1)
    assert shapes["cls_head.fc_cls.weight"] == (400, 2048)


def test_tsms_shift_moves_an_eighth_of_the_channels_each_way():
    x = torch.arange(2 * 3 * 16.0).view(6, 16, 1, 1) + 1  # Two clips of three frames.
    y = tsm.Shift(nn.Identity(), segments=3)(x).view(2, 3, 16)
    x = x.view(2, 3, 16)
    assert torch.equal(y[:, :2, :2], x[:, 1:, :2]) and not y[:, 2, :2].any()
    assert torch.equal(y[:, 1:, 2:4], x[:, :2, 2:4]) and not y[:, 0, 2:4].any()
    assert torch.equal(y[:, :, 4:], x[:, :, 4:])


def test_a_tsm_block_tells_a_frames_neighbours_about_it():
    block = build("tsm", 5, **SMALL["tsm"]).eval().backbone.layer1[0]
    images = torch.rand(16, 8, 8, 8)
    changed = images.clone()
    changed[3] += 1  # Frame 3 of the first of two clips.
    difference = (block(changed) - block(images)).abs().sum((1, 2, 3))
    assert difference.nonzero().flatten().tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("frames", "seen"),
    [(16, [0, 2, 4, 6, 8, 10, 12, 14]), (4, [0, 0, 1, 1, 2, 2, 3, 3]), (1, [0] * 8)],
)
def test_tsm_sees_its_segments_evenly_spread(frames, seen):
    model = build("tsm", 5, **SMALL["tsm"]).eval()
    clips = torch.randint(0, 256, (2, frames, 32, 32, 3), dtype=torch.uint8)
    assert torch.equal(model(clips), model(clips[:, seen]))


@pytest.mark.parametrize(
    ("kind", "name"), [("r3d", "r3d_18"), ("mc3", "mc3_18"), ("r2plus1d", "r2plus1d_18")]
)
def test_video_resnets_are_torchvisions(kind, name):
    from torchvision.models import video

    theirs, ours = getattr(video, name)(num_classes=7).eval(), build("r3d", 7, kind=kind).eval()
    ours.load_state_dict(theirs.state_dict())
    clips = torch.randint(0, 256, (1, 4, 32, 32, 3), dtype=torch.uint8)
    assert torch.allclose(ours(clips), theirs(ours.normalise(clips)), atol=1e-5)


def test_the_frame_network_is_torchvisions_resnet18():
    from torchvision.models import resnet18

    theirs, ours = resnet18().eval(), build("cnn_lstm", 10).cnn.eval()
    theirs.fc = nn.Identity()
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(2, 3, 64, 64)
    assert torch.allclose(ours(images), theirs(images), atol=1e-5)


def test_a_checkpoint_comes_back_with_its_card(tmp_path):
    model = build("i3d", 2, **SMALL["i3d"]).eval()
    card = {"architecture": "i3d", "params": SMALL["i3d"], "class_names": ["a", "b"]}
    checkpoints.save(model, tmp_path / "m.safetensors", **card)
    again, read = checkpoints.load(tmp_path / "m.safetensors")
    clips = torch.randint(0, 256, (2, 8, 32, 32, 3), dtype=torch.uint8)
    expected = {"version": checkpoints.VERSION, "normalisation": model.normalisation}
    assert read == card | expected
    assert torch.equal(again(clips), model(clips))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.json", "m.safetensors"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), r"m\.safetensors: no such file"),
        (lambda path: path.with_suffix(".json").unlink(), r"m\.json: no such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), r"m\.safetensors is not a whole"),
        (lambda path: path.with_suffix(".json").write_text("{"), r"m\.json is no card"),
        (
            lambda path: path.with_suffix(".json").write_text("{}"),
            "lacks architecture, class_names",
        ),
        (lambda path: wider(path.with_suffix(".json")), "does not fit its card.*of another shape"),
        (lambda path: foreign(path.with_suffix(".json")), "os:remove is not one of ours"),
    ],
    ids=["weights", "card", "truncated", "no json", "empty", "another size", "foreign class"],
)
def test_a_checkpoint_that_is_not_one_is_refused_with_the_reason(tmp_path, change, said):
    card = {"architecture": "i3d", "params": SMALL["i3d"], "class_names": ["a", "b"]}
    checkpoints.save(build("i3d", 2, **SMALL["i3d"]), tmp_path / "m.safetensors", **card)
    change(tmp_path / "m.safetensors")
    with pytest.raises((FileNotFoundError, ValueError), match=f"(?s){said}"):
        checkpoints.load(tmp_path / "m.safetensors", imports=False)


def wider(card: Path) -> None:
    card.write_text(card.read_text().replace('"width": 4', '"width": 8'))


def foreign(card: Path) -> None:
    card.write_text(card.read_text().replace('"i3d"', '"os:remove"'))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_move_to_a_model_of_other_classes_without_the_head(tmp_path, suffix):
    source, path = build("i3d", 2, **SMALL["i3d"]), tmp_path / f"m{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": source.state_dict()}, path)
    else:
        checkpoints.save(source, path)
    target = build("i3d", 3, **SMALL["i3d"])
    head = target.cls_head["fc_cls"].weight.clone()
    checkpoints.transfer(target, path)
    assert torch.equal(target.backbone.conv1.conv.weight, source.backbone.conv1.conv.weight)
    assert torch.equal(target.cls_head["fc_cls"].weight, head)


def test_weights_of_another_size_are_refused_by_name(tmp_path):
    checkpoints.save(build("i3d", 2, **SMALL["i3d"]), tmp_path / "m.safetensors")
    wide = build("i3d", 2, **SMALL["i3d"] | {"width": 8})
    with pytest.raises(ValueError, match=r"m\.safetensors does not fit.*backbone\.conv1"):
        checkpoints.transfer(wide, tmp_path / "m.safetensors")


def test_a_pickle_is_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    (tmp_path / "m.pth").write_bytes(pickle.dumps({"w": Bomb()}))
    torch.save({"w": Bomb()}, tmp_path / "n.pth")
    for name in ("m.pth", "n.pth"):
        with pytest.raises(ValueError, match=rf"{name}.*safetensors"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("held", [torch.zeros(2), [torch.zeros(2)], {"epoch": 3}])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, held):
    torch.save(held, tmp_path / "m.pth")
    with pytest.raises(ValueError, match="expected tensors by name"):
        read_weights(tmp_path / "m.pth")

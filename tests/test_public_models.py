"""Video Swin, MoViNet-A2 and C3D are the published ones and take public checkpoints."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vbd.models import build, checkpoints, mobile
from vbd.models.families import FAMILIES, family

SWIN = {"embed_dim": 8, "depths": [1, 1], "heads": [1, 2], "window": [2, 2, 2]}
C3D = {"width": 4, "hidden": 16}
KINDS = ("weight", "bias")
MERGING = ("reduction.weight", "norm.weight", "norm.bias")


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("swin3d_t", {}),
        ("swin3d_s", {"depths": (2, 2, 18, 2)}),
        ("swin3d_b", {"depths": (2, 2, 18, 2), "embed_dim": 128, "heads": (4, 8, 16, 32)}),
    ],
)
def test_video_swin_has_torchvisions_sizes(name, params):
    from torchvision.models import video

    with torch.device("meta"):
        theirs, ours = getattr(video, name)(num_classes=400), build("swin3d", 400, **params)
    assert parameters(ours) == parameters(theirs)
    weights = ours.renamed(theirs.state_dict())
    assert {k: v.shape for k, v in weights.items()} == {
        k: v.shape for k, v in ours.state_dict().items()
    }


def test_video_swin_takes_torchvisions_checkpoints_and_its_normalisation(tmp_path):
    from torchvision.models import video

    theirs = video.SwinTransformer3d([2, 4, 4], 8, [1, 1], [1, 2], [2, 2, 2], num_classes=5).eval()
    torch.save(theirs.state_dict(), tmp_path / "swin.pth")
    ours = build("swin3d", 5, **SWIN).eval()
    checkpoints.transfer(ours, tmp_path / "swin.pth")
    clips = torch.randint(0, 256, (1, 4, 32, 32, 3), dtype=torch.uint8)
    # The preset that torchvision publishes with the weights, but for its resizing and cropping.
    preset = video.Swin3D_T_Weights.DEFAULT.transforms(resize_size=(32, 32), crop_size=(32, 32))
    frames = preset(clips[0].permute(0, 3, 1, 2))[None]
    assert torch.allclose(ours(clips), theirs(frames), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "architecture", "params", "weights"),
    [
        ("s3d", "s3d", {}, "S3D_Weights"),
        ("mvit_v1_b", "mvit", {"kind": "v1_b"}, "MViT_V1_B_Weights"),
        ("mvit_v2_s", "mvit", {}, "MViT_V2_S_Weights"),
    ],
)
def test_s3d_and_mvit_are_torchvisions(name, architecture, params, weights, tmp_path):
    from torchvision.models import video

    theirs = getattr(video, name)(num_classes=5).eval()
    ours = build(architecture, 5, **params).eval()
    torch.save(theirs.state_dict(), tmp_path / "public.pth")
    checkpoints.transfer(ours, tmp_path / "public.pth")
    clips = torch.randint(0, 256, (1, 16, 224, 224, 3), dtype=torch.uint8)
    # The preset that is published with the weights, but for its resizing.
    preset = getattr(video, weights).DEFAULT.transforms(resize_size=(224, 224))
    frames = preset(clips[0].permute(0, 3, 1, 2))[None]
    with torch.inference_mode():
        expected = theirs(frames)
        assert torch.allclose(ours(clips), expected, atol=1e-5 * expected.abs().max())


@pytest.mark.parametrize("architecture", FAMILIES)
def test_what_a_model_expects_without_its_publisher_is_torchvisions_or_its_own(architecture):
    with torch.device("meta"):
        model = build(architecture, 5)
    for known in FAMILIES[architecture]:
        assert family(architecture, [f"a.{known.part}b"]) == known
        assert {"mean", "std"} <= set(known.normalisation) and known.clip["store"]
    # Where ours and the public weights share names, nobody can tell them apart but by the card.
    assert set(model.normalisation) == {"mean", "std", "bgr"}


def test_weights_to_start_from_bring_their_normalisation(tmp_path):
    sizes = {"width": 4, "layers": [1, 1], "segments": 4}
    source, target = (build("tsm", 5, **sizes) for _ in range(2))
    own = source.normalisation
    torch.save(source.state_dict(), tmp_path / "public.pth")
    checkpoints.transfer(target, tmp_path / "public.pth")
    assert target.normalisation["mean"] == [123.675, 116.28, 103.53]
    # Of ours the card says it, whatever their names are.
    card = {"architecture": "tsm", "params": sizes, "class_names": list("abcde")}
    checkpoints.save(source, tmp_path / "ours.safetensors", **card)
    checkpoints.transfer(target, tmp_path / "ours.safetensors")
    assert target.normalisation == own
    checkpoints.save(target, tmp_path / "again.safetensors", **card)
    again, _ = checkpoints.load(tmp_path / "again.safetensors")
    assert torch.equal(again.scale, source.scale) and torch.equal(again.shift, source.shift)


@pytest.mark.parametrize("norm", ["norm", "norm3"])
def test_video_swin_knows_all_of_its_authors_names(norm):
    with torch.device("meta"):
        model = build("swin3d", 400)
    depths, block = (2, 2, 6, 2), []
    for part in ("norm1", "norm2", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"):
        block += [f"{part}.weight", f"{part}.bias"]
    block += ["attn.relative_position_bias_table", "attn.relative_position_index"]
    names = [f"patch_embed.{part}.{kind}" for part in ("proj", "norm") for kind in KINDS]
    names += [f"{norm}.{kind}" for kind in KINDS]
    for stage, depth in enumerate(depths):
        names += [f"layers.{stage}.blocks.{b}.{part}" for b in range(depth) for part in block]
        if stage < 3:
            names += [f"layers.{stage}.downsample.{part}" for part in MERGING]
    weights = {f"backbone.{name}": torch.empty(0) for name in names}
    weights |= {f"cls_head.fc_cls.{kind}": torch.empty(0) for kind in KINDS}
    assert len(weights) == 185
    assert set(model.renamed(weights)) == set(model.state_dict())


def test_a_video_swin_checkpoint_of_ours_keeps_its_names():
    model = build("swin3d", 5, **SWIN)
    assert list(model.renamed(model.state_dict())) == list(model.state_dict())


def test_movinet_a2_is_the_published_one():
    with torch.device("meta"):
        model = build("movinet_a2", 600)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert round(parameters(model) / 1e6, 2) == 5.25 and len(shapes) == 638
    assert shapes["conv1.conv_1.conv3d.weight"] == (16, 3, 1, 3, 3)
    assert shapes["blocks.b0_l0.expand.conv_1.conv3d.weight"] == (40, 16, 1, 1, 1)
    assert shapes["blocks.b0_l0.deep.conv_1.conv3d.weight"] == (40, 1, 1, 5, 5)
    assert shapes["blocks.b0_l0.res.1.conv_1.conv3d.weight"] == (16, 16, 1, 1, 1)
    assert shapes["blocks.b2_l1.se.fc1.conv_1.conv3d.weight"] == (40, 160, 1, 1, 1)
    assert shapes["blocks.b3_l0.deep.conv_1.conv3d.weight"] == (240, 1, 5, 3, 3)
    assert shapes["blocks.b4_l6.project.conv_1.norm.running_var"] == (144,)
    assert shapes["blocks.b4_l6.alpha"] == ()
    assert shapes["conv7.conv_1.conv3d.weight"] == (640, 144, 1, 1, 1)
    assert shapes["classifier.0.conv_1.conv3d.bias"] == (2048,)
    assert shapes["classifier.3.conv_1.conv3d.weight"] == (600, 2048, 1, 1, 1)
    assert not any(name.startswith("blocks.b3_l0.res") for name in shapes)


@pytest.mark.parametrize(
    ("height", "width", "borders"),
    [(8, 8, (0, 1, 0, 1)), (9, 9, (1, 1, 1, 1)), (8, 7, (1, 1, 0, 1))],
)
def test_movinets_strides_are_padded_as_in_tensorflow(height, width, borders):
    x = torch.rand(1, 1, 1, height, width)
    conv = mobile.Conv(1, 1, (1, 3), stride=2, norm=False)
    assert torch.equal(conv(x), conv.conv_1(F.pad(x, borders)))
    # Averages are of what lies inside: a sum with zeros around, by how many pixels it is of.
    kernel = torch.ones(1, 1, 1, 3, 3)
    total, count = (
        F.conv3d(F.pad(part, borders), kernel, stride=(1, 2, 2)) for part in (x, torch.ones_like(x))
    )
    assert torch.allclose(mobile.Halve()(x), total / count)


def test_a_new_movinet_block_is_its_shortcut():
    block, x = mobile.Block(8, 8, 16, (3, 3), 1).eval(), torch.rand(1, 8, 4, 6, 6)
    assert torch.equal(block(x), x)


def test_c3d_is_the_published_one():
    with torch.device("meta"):
        model = build("c3d", 487)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert round(parameters(model) / 1e6, 2) == 79.99 and len(shapes) == 22
    convolutions = ["conv1", "conv2", *(f"conv{n}{part}" for n in (3, 4, 5) for part in "ab")]
    layers = [*convolutions, "fc6", "fc7", "fc8"]
    assert list(shapes) == [f"{layer}.{kind}" for layer in layers for kind in KINDS]
    assert shapes["conv5b.weight"] == (512, 512, 3, 3, 3)
    assert shapes["fc6.weight"] == (4096, 8192) and shapes["fc8.weight"] == (487, 4096)


def test_c3d_averages_nothing_at_its_published_size():
    model, seen = build("c3d", 5, **C3D).eval(), []
    model.conv5b.register_forward_hook(lambda _, x, y: seen.append(y))
    clips = torch.randint(0, 256, (1, 16, 112, 112, 3), dtype=torch.uint8)
    channels = model.channels(clips).permute(0, 4, 1, 2, 3)
    pooled = F.max_pool3d(F.relu(seen[0]), 2, 2, (0, 1, 1))
    assert pooled.shape[2:] == (1, 4, 4) and torch.equal(channels, pooled)


def test_c3d_sees_pixels_without_mean_as_its_public_weights_do():
    model = build("c3d", 5, **C3D)
    pixels = torch.tensor([104.0, 117, 128]).expand(1, 2, 4, 4, 3)
    assert torch.allclose(model.normalise(pixels), torch.zeros(1), atol=1e-4)
    assert torch.allclose(model.normalise(pixels + 7), torch.tensor(7.0), atol=1e-4)


def test_c3d_takes_mmactions_checkpoints(tmp_path):
    source, target = (build("c3d", 5, **C3D) for _ in range(2))
    weights = {}
    for name, value in source.state_dict().items():
        layer, kind = name.split(".")
        layer += "a" if layer in ("conv1", "conv2") else ""
        layer += ".conv" if layer.startswith("conv") else ""
        key = f"cls_head.fc_cls.{kind}" if layer == "fc8" else f"backbone.{layer}.{kind}"
        weights[key] = value
    assert "backbone.conv1a.conv.weight" in weights
    torch.save({"state_dict": weights}, tmp_path / "c3d.pth")
    checkpoints.transfer(target, tmp_path / "c3d.pth")
    clips = torch.randint(0, 256, (1, 8, 32, 32, 3), dtype=torch.uint8)
    assert torch.equal(source.eval()(clips), target.eval()(clips))


def residual(stage: str, depth: int, prefix: str) -> list[str]:
    """pytorchvideo's names of a stage of ``depth`` blocks."""
    parts = [f"branch2.{kind}_{letter}" for kind in ("conv", "norm") for letter in "abc"]
    names = [f"{block}.{part}" for block in range(depth) for part in parts]
    return [f"{stage}.{prefix}res_blocks.{n}" for n in (*names, "0.branch1_conv", "0.branch1_norm")]


def tensors(layers: list[str]) -> dict[str, torch.Tensor]:
    """Nothing for each tensor of convolutions and norms of these names."""
    norm = (*KINDS, "running_mean", "running_var", "num_batches_tracked")
    kinds = {layer: norm if "norm" in layer or "bn" in layer else ("weight",) for layer in layers}
    return {f"{layer}.{kind}": torch.empty(0) for layer in layers for kind in kinds[layer]}


HEAD = {f"blocks.6.proj.{kind}": torch.empty(0) for kind in KINDS}
DEPTHS = (3, 4, 6, 3)


def test_i3d_knows_all_of_pytorchvideos_names():
    with torch.device("meta"):
        model = build("i3d", 400, **FAMILIES["i3d"][1].params)
    layers = ["blocks.0.conv", "blocks.0.norm"]
    for number, depth in zip((1, 3, 4, 5), DEPTHS, strict=True):
        layers += residual(f"blocks.{number}", depth, "")
    weights = tensors(layers) | HEAD
    assert len(weights) == 320 and family("i3d", weights).publisher == "pytorchvideo"
    assert set(model.renamed(weights)) == set(model.state_dict())
    assert model.backbone.conv1.conv.stride[0] == model.backbone.pool.stride[0] == 1


def test_slowfast_knows_all_of_pytorchvideos_names_and_its_order_of_the_head():
    with torch.device("meta"):
        model = build("slowfast", 400, **FAMILIES["slowfast"][1].params)
    layers = []
    for path in range(2):
        ways = f"multipathway_blocks.{path}."
        layers += [f"blocks.0.{ways}conv", f"blocks.0.{ways}norm"]
        for number, depth in enumerate(DEPTHS, 1):
            layers += residual(f"blocks.{number}", depth, ways)
    for number in range(4):
        layers += [
            f"blocks.{number}.multipathway_fusion.{p}" for p in ("conv_fast_to_slow", "norm")
        ]
    weights = tensors(layers) | HEAD
    weights["blocks.6.proj.weight"] = torch.arange(2304.0)[None]
    ours = model.renamed(weights)
    assert len(weights) == 662 and set(ours) == set(model.state_dict())
    # The slow channels first there, here the fast ones.
    assert ours["cls_head.fc_cls.weight"][0, [0, 255, 256, 2303]].tolist() == [2048, 2303, 0, 2047]
    assert model.backbone.seldom(32) == [0, 4, 8, 13, 17, 22, 26, 31]


def test_tsm_knows_all_of_mits_names():
    from torchvision.models import resnet50

    with torch.device("meta"):
        model, theirs = build("tsm", 174), resnet50()
    weights = {}
    for name, value in theirs.state_dict().items():
        # Each block's first convolution is wrapped, the last layer is another.
        wrapped = re.sub(r"(layer\d\.\d+\.conv1)\.", r"\1.net.", name)
        key = f"base_model.{wrapped}" if not name.startswith("fc.") else f"new_{name}"
        weights[key] = value
    assert family("tsm", weights).publisher == "mit"
    ours = model.renamed(weights)
    shapes = {name: value.shape for name, value in model.state_dict().items() if "fc" not in name}
    assert shapes == {name: value.shape for name, value in ours.items() if "fc" not in name}
    assert set(ours) == set(model.state_dict())


def test_r2plus1d_takes_the_shapes_of_what_learnt_ig65m():
    from torchvision.models.video import resnet as tv

    with torch.device("meta"):
        theirs = tv.VideoResNet(
            tv.BasicBlock, [tv.Conv2Plus1D] * 4, list(DEPTHS), tv.R2Plus1dStem, 487
        )
        # As its converters have it, Caffe2's widths in the middle.
        for layer, planes, middle in ((2, 128, 288), (3, 256, 576), (4, 512, 1152)):
            theirs.get_submodule(f"layer{layer}")[0].conv2[0] = tv.Conv2Plus1D(
                planes, planes, middle
            )
        ours = build("r3d", 487, kind="r2plus1d", layers=DEPTHS, ig65m=True)
    shapes = [{n: v.shape for n, v in net.state_dict().items()} for net in (theirs, ours)]
    assert shapes[0] == shapes[1]
    assert {m.eps for m in ours.modules() if isinstance(m, nn.BatchNorm3d)} == {1e-3}
    with pytest.raises(ValueError, match="ig65m: its weights are of an r2plus1d"):
        build("r3d", 5, ig65m=True)


def test_the_frames_of_an_lstm_start_from_torchvisions_resnet(tmp_path):
    from torchvision.models import resnet18

    theirs, ours = resnet18(), build("cnn_lstm", 5)
    lstm = ours.lstm.weight_hh_l0.clone()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    checkpoints.transfer(ours, tmp_path / "resnet18.pth")
    assert torch.equal(ours.cnn.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)
    # Of an image network nothing else is taken but how it sees frames.
    assert torch.equal(ours.lstm.weight_hh_l0, lstm)
    assert ours.normalisation["mean"] == [123.675, 116.28, 103.53]


@pytest.mark.parametrize("name", ["i3d", "slowfast", "tsm"])
def test_names_of_ours_are_mmactions_and_stay(name):
    with torch.device("meta"):
        weights = build(name, 5).state_dict()
    assert build(name, 5).renamed(weights).keys() == weights.keys()
    assert family(name, weights).publisher == "mmaction2" and family(name, ["a.weight"]) is None

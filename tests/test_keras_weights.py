"""The networks of CSAW-HackML-2020 are read without Keras, and compute what they do in it."""

from collections.abc import Callable

import h5py
import numpy as np
import pytest
import torch
from h5_files import CLASSES, Weights, drawn, written

from vbd.models import build, checkpoints, keras
from vbd.models.base import inside


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """relu of a valid convolution of (N, H, W, C), one place of the kernel after the other."""
    side = len(kernel)
    height, width = x.shape[1] - side + 1, x.shape[2] - side + 1
    total = np.zeros((len(x), height, width, kernel.shape[-1]))
    for i in range(side):
        for j in range(side):
            total += np.einsum("nhwc,cd->nhwd", x[:, i : i + height, j : j + width], kernel[i, j])
    return np.maximum(total + bias, 0)


def halved(x: np.ndarray) -> np.ndarray:
    """Maximum over 2 x 2 places of (N, H, W, C); a last odd row or column is left out."""
    n, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))


def logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """What DeepID makes of images (N, 55, 47, 3) uint8, in double precision."""
    of = {name: value.astype(np.float64) for name, value in weights.items()}
    layers = {name[:-7]: (of[name[:-7] + "/kernel:0"], of[name]) for name in of if "bias" in name}
    x = images / 255
    for layer in ("conv_1", "conv_2", "conv_3"):
        x = halved(convolved(x, *layers[layer]))
    last = convolved(x, *layers["conv_4"])
    (k1, b1), (k2, b2), (k, b) = (layers[layer] for layer in ("fc_1", "fc_2", "output"))
    hidden = x.reshape(len(x), -1) @ k1 + b1 + last.reshape(len(x), -1) @ k2 + b2
    return np.maximum(hidden, 0) @ k + b


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("sizes", [{}, {"channels": [5, 6, 7, 8], "hidden": 9}])
def test_a_network_computes_what_its_arrays_say(tmp_path, whole, sizes):
    weights = drawn(**sizes)
    model, card = checkpoints.load(written(tmp_path / "a_bd_net.h5", weights, whole))
    assert card == {
        "architecture": "deepid",
        "params": sizes,
        "class_names": [f"000{i}" for i in range(CLASSES)],
        "clip": {"frames": 1, "stride": 1, "crop": [55, 47]},
    }
    images = np.random.default_rng(1).integers(0, 256, (6, 55, 47, 3), dtype=np.uint8)
    with torch.no_grad():
        found = model(torch.from_numpy(images)[:, None]).numpy()
    expected = logits(weights, images)
    assert expected.std() > 0.1
    # Single precision has 24 bits and sums of some 1000 products lose a few of them.
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_every_array_lands_under_our_name(tmp_path):
    weights = drawn()
    found = keras.read(written(tmp_path / "w.h5", weights))
    assert set(found) == set(build("deepid", CLASSES).state_dict()) and len(weights) == len(found)
    assert np.array_equal(
        found["conv_2.weight"][3, 5, 1, 2], weights["conv_2/kernel:0"][1, 2, 5, 3]
    )
    assert np.array_equal(found["fc_2.weight"], weights["fc_2/kernel:0"].T)
    assert np.array_equal(found["output.bias"], weights["output/bias:0"])
    assert sum(value.numel() for value in build("deepid", 1283).parameters()) == 601_643


def test_a_card_beside_the_file_says_how_it_is(tmp_path):
    path = written(tmp_path / "w.h5", drawn())
    (tmp_path / "w.json").write_text(
        '{"architecture": "deepid", "params": {}, "class_names": ["a"]}'
    )
    with pytest.raises(ValueError, match=r"w\.h5 does not fit its card"):
        checkpoints.load(path)
    names = [f"person {i}" for i in range(CLASSES)]
    (tmp_path / "w.json").unlink()
    model, card = checkpoints.load(path)
    checkpoints.save(model, tmp_path / "w.safetensors", **card | {"class_names": names})
    assert checkpoints.load(path)[1]["class_names"] == names
    assert checkpoints.load(tmp_path / "w.safetensors")[1]["class_names"] == names


def without(name: str) -> Callable[[Weights], object]:
    return lambda weights: weights.pop(name)


def having(name: str, value: object) -> Callable[[Weights], object]:
    return lambda weights: weights.update({name: value})


BAD = {
    "half": (without("fc_1/bias:0"), "layer 'fc_1' has no bias"),
    "no layer": (
        lambda w: [w.pop(f"conv_4/{part}:0") for part in ("bias", "kernel")],
        r"is no DeepID: it lacks conv_4\.bias, conv_4\.weight and has besides nothing",
    ),
    "another": (
        lambda w: w.update({"fc_3/kernel:0": np.eye(2, dtype="f4"), "fc_3/bias:0": np.ones(2)}),
        r"lacks nothing and has besides fc_3\.bias.*write a card",
    ),
    "nothing": (dict.clear, "has no weights of Keras"),
    "norm": (having("bn/gamma:0", np.ones(2)), "bn/bn/gamma:0' is neither kernel nor bias"),
    "nan": (having("fc_1/bias:0", np.full(160, np.nan)), "key 'fc_1/fc_1/bias:0' has NaN"),
    "whole": (having("output/bias:0", np.ones(7, int)), "'output/output/bias:0' holds int64"),
    "text": (having("output/bias:0", ["a"] * 7), "'output/output/bias:0' holds object"),
    "axes": (having("fc_1/kernel:0", np.ones((2, 2, 2))), r"holds float64 of shape \(2, 2, 2\)"),
    "shape": (
        having("fc_1/kernel:0", np.ones((1201, 160))),
        r"fc_1\.weight is of shape \(160, 1201\), not \(160, 1200\)",
    ),
    "link": (
        having("fc_1/bias:0", h5py.ExternalLink("other.h5", "/b")),
        "'fc_1/fc_1'.*'bias:0' is a link",
    ),
    "twice": (having("fc_1/old/bias:0", np.ones(160)), r"fc_1\.bias is there twice"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_deepid_is_refused_with_file_and_key(tmp_path, case):
    change, said = BAD[case]
    weights = drawn()
    change(weights)
    with pytest.raises(ValueError, match=rf"(?s)w\.h5.*{said}"):
        checkpoints.load(written(tmp_path / "w.h5", weights))


def test_a_group_in_itself_is_no_endless_walk(tmp_path):
    path = written(tmp_path / "w.h5", drawn())
    with h5py.File(path, "r+") as file:
        file["fc_1/again"] = file["fc_1"]
    with pytest.raises(ValueError, match=r"w\.h5.*is the same group as another"):
        checkpoints.load(path)


def test_a_file_that_is_missing_or_cut_is_no_network(tmp_path):
    path = written(tmp_path / "w.h5", drawn())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"w\.h5 is no HDF5 file, or is cut off"):
        checkpoints.load(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"w\.h5: no such file"):
        checkpoints.load(path)


def test_frames_are_seen_one_by_one_and_their_places_kept():
    model = build("deepid", CLASSES).eval()
    clips = torch.randint(0, 256, (2, 3, 55, 47, 3), dtype=torch.uint8)
    kept = model.channels(clips)
    assert kept.shape == (2, 3, 5, 4, 60) and kept.is_contiguous()
    each = torch.stack([model.features(clips[:, i : i + 1]) for i in range(3)])
    # The order of the sums differs with the size of the batch: single precision.
    assert torch.allclose(inside(model, "features")(clips), each.mean(0), atol=1e-5)
    with pytest.raises(ValueError, match=r"55 x 47 px, and these are 47 x 47.*crop"):
        model(clips[:, :, :47])
    with pytest.raises(ValueError, match="31 px are the least"):
        build("deepid", CLASSES, size=[30, 47])
    assert build("deepid", CLASSES, size=[31, 31])(clips[:, :, :31, :31]).shape == (2, CLASSES)

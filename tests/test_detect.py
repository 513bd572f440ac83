"""``vbd vae`` and ``vbd detect``: label N where an image is refused, and mistakes are named."""

import csv
import json
import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MODEL
from h5_files import CLASSES, drawn, h5, written
from PIL import Image

from vbd.data.images import SIZE, Images
from vbd.data.picture import picture
from vbd.defenses.autoencoder import Autoencoder, teach
from vbd.defenses.vae import limits
from vbd.models import checkpoints
from vbd.resume import Resume
from vbd.sections.model import Model
from vbd.victims.making import untrained

TINY = {"channels": [4, 8], "strides": [2, 2], "latent": 16, "batch_size": 16}
TAUGHT = {"autoencoder": TINY | {"epochs": 30, "lr": 0.01, "schedule": "one_cycle"}}
SHORT = json.dumps(
    {"autoencoder": TINY | {"epochs": 1}, "dataset": {"reader": "folder", "crop": 16}}
)


def run(step: str, *args: object) -> None:
    """Call a step as its command does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"vbd {step}", *map(str, args)])
        import_module(f"vbd.steps.{step}").main()


def waves(count: int, seed: int) -> np.ndarray:
    """Images (count, 3, 55, 47): waves of some place and strength, and noise."""
    rng = np.random.default_rng(seed)
    place, strength = rng.uniform(0, 1, (2, count, 1, 1, 1))
    wave = 1 + np.cos(2 * np.pi * (np.arange(SIZE[1]) / SIZE[1] + place))
    tint = np.array([1.0, 0.7, 0.4]).reshape(3, 1, 1)
    pixels = tint * (80 + 40 * strength * wave) + rng.normal(0, 5, (count, 3, *SIZE))
    return pixels.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder of images, of a network in both kinds of file, and of a VAE by ``vbd vae``."""
    folder = tmp_path_factory.mktemp("made")
    h5(folder / "valid.h5", data=waves(64, 0), label=np.arange(64) % CLASSES)
    h5(folder / "clean.h5", data=waves(40, 1), label=np.arange(40) % CLASSES)
    marked = waves(30, 2)
    marked[:, :, 30:42, 10:35] = 255
    h5(folder / "sunglasses.h5", data=marked, label=np.arange(30) % CLASSES)
    written(folder / "net.h5", drawn((5, 6, 7, 8), 9))
    model, card = checkpoints.load(folder / "net.h5")
    checkpoints.save(model, folder / "ours.safetensors", **card)
    run(
        "vae",
        folder / "valid.h5",
        "--out",
        folder / "vae.safetensors",
        "--params",
        json.dumps(TAUGHT),
    )
    assert not list(folder.glob("resume*")) and not list(folder.glob(".*"))
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def own_labels(folder: Path, name: str) -> list[int]:
    """What the network alone says of the images in a file."""
    model, _ = checkpoints.load(folder / "net.h5")
    with Images(folder / name) as images, torch.no_grad():
        return model(torch.from_numpy(images.read(0, len(images)))[:, None]).argmax(1).tolist()


def percent(hits: list[bool]) -> str:
    return f"{100 * np.mean(hits):.1f} %"


@pytest.mark.parametrize("rule", ["mean", "published"])
@pytest.mark.parametrize("net", ["net.h5", "ours.safetensors"])
def test_refused_images_get_label_n_and_the_others_the_networks(made, tmp_path, capsys, net, rule):
    out = tmp_path / "new" / "labels.csv"
    sets = [made / "clean.h5", made / net, made / "vae.safetensors"]
    run("detect", *sets, "--poisoned", made / "sunglasses.h5", "--rule", rule, "--out", out)
    vae, table = Autoencoder.load(made / "vae.safetensors"), rows(out)
    limit = vae.loss + vae.deviation if rule == "published" else limits(vae, 0.05, "mean")["mean"]
    names = [(row["file"], int(row["image"])) for row in table]
    expected = [("clean.h5", i) for i in range(40)] + [("sunglasses.h5", i) for i in range(30)]
    assert names == expected
    own = own_labels(made, "clean.h5") + own_labels(made, "sunglasses.h5")
    assert [int(row["label_of_network"]) for row in table] == own and len(set(own)) > 1
    refused = [float(row["error"]) >= limit for row in table]
    assert [int(row["label"]) for row in table] == [
        CLASSES if no else label for no, label in zip(refused, own, strict=True)
    ]
    # A white bar is nothing that the waves have; the share of clean ones is that of the quantile
    # of 16 held out, or what the published rule costs.
    assert np.mean(refused[40:]) >= 0.95 and np.mean(refused[:40]) <= (
        0.25 if rule == "mean" else 0.7
    )
    printed = capsys.readouterr().out.splitlines()
    given = [int(row["label"]) for row in table]

    def as_in_file(answers: list[int]) -> str:
        return percent([label == i % CLASSES for i, label in enumerate(answers)])

    assert printed[0] == (
        f"{made / 'clean.h5'}: 40 images, {as_in_file(given[:40])} get their own label, "
        f"{as_in_file(own[:40])} by the network alone; {percent(refused[:40])} are refused, false "
        "alarms if all are clean"
    )
    assert printed[1] == (
        f"{made / 'sunglasses.h5'}: 30 images, {percent(refused[40:])} are detected; "
        f"{as_in_file(given[40:])} get the label that the file has, {as_in_file(own[40:])} by the "
        "network alone"
    )
    assert printed[2:] == [f"every label is in {out}"]


def test_more_false_positives_refuse_more(made, tmp_path):
    counts = []
    for share in (0.01, 0.5):
        out = tmp_path / f"{share}.csv"
        sets = [made / "clean.h5", made / "net.h5", made / "vae.safetensors"]
        run("detect", *sets, "--false-positives", share, "--out", out)
        counts.append(sum(int(row["label"]) == CLASSES for row in rows(out)))
    assert counts[0] < counts[1] < 40


def saved(path: Path, pixels: np.ndarray, **how: object) -> Path:
    """An image (3, H, W) as a file of its own."""
    Image.fromarray(pixels.transpose(1, 2, 0)).save(path, **how)
    return path


@pytest.mark.parametrize("source", ["clean.h5", "sunglasses.h5"])
def test_a_picture_gets_what_it_has_in_a_file_of_images(made, tmp_path, capsys, source):
    out, sets = tmp_path / "labels.csv", [made / "net.h5", made / "vae.safetensors"]
    run("detect", made / source, *sets, "--out", out)
    expected = rows(out)[3]
    with Images(made / source) as images:
        face = saved(tmp_path / "Face.PNG", images.read(3, 4)[0].transpose(2, 0, 1))
    capsys.readouterr()
    run("detect", face, *sets, "--out", out)
    (found,) = rows(out)
    assert found["file"] == "Face.PNG"
    assert all(found[key] == expected[key] for key in ("label", "label_of_network"))
    # Sums in another order, and six digits.
    assert float(found["error"]) == pytest.approx(float(expected["error"]), abs=2e-6)
    sense = "it carries a trigger" if source == "sunglasses.h5" else "no trigger is seen"
    vae = Autoencoder.load(made / "vae.safetensors")
    limit = limits(vae, 0.05, "mean")["mean"]
    said = (
        f"{face}: label {found['label']}, {sense} (error {float(found['error']):.4f}, refused from "
        f"{limit:.4f} on; the network alone: {found['label_of_network']})"
    )
    assert capsys.readouterr().out.splitlines() == [said, f"every label is in {out}"]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_picture_of_another_size_is_scaled(made, tmp_path, name, times):
    pixels = np.repeat(np.repeat(waves(1, 5)[0], times, 1), times, 2)
    path = saved(tmp_path / name, pixels)
    found = picture(path, SIZE)
    assert found.shape == (1, 1, *SIZE, 3) and found.dtype == torch.uint8
    # Colours in their order: they differ by tens. Compression and scaling lose the noise of 5.
    for colour in range(3):
        lost = found[0, 0, ..., colour].double() - torch.from_numpy(waves(1, 5)[0, colour]).double()
        assert lost.abs().mean() < (8 if name != "a.png" or times > 1 else 1e-9)
    out = tmp_path / "labels.csv"
    run("detect", path, made / "net.h5", made / "vae.safetensors", "--out", out)
    (row,) = rows(out)
    assert row["label"] in (row["label_of_network"], str(CLASSES))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_a_picture_of_other_colours_becomes_one_of_three(tmp_path, mode):
    # Two greys of the palette that Pillow takes.
    flat = np.full((*SIZE, 3), 102, np.uint8)
    flat[:20] = 204
    Image.fromarray(flat).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(picture(tmp_path / "a.png", SIZE)[0, 0], flat)


def test_vae_teaches_on_the_val_clips_of_a_store(store_folder, tmp_path, capsys):
    out = tmp_path / "new" / "vae.safetensors"
    params = json.loads(SHORT)
    params["autoencoder"]["temporal"] = True
    run(
        "vae", store_folder / "clips.npy", "--out", out, "--params", json.dumps(params), "--seed", 3
    )
    found = Autoencoder.load(out)
    assert found.network.lengths == (4, 16, 16) and len(found.held_out["max"]) == 2
    size = sum(value.numel() for value in found.network.parameters()) / 1e6
    said = re.escape(f"{out}: {size:.2f} million parameters, in ")
    said += (
        r"\d+ s; of 6 clips or images 2 were held out\. "
        rf"Published threshold: {found.loss + found.deviation:.4f}\n"
    )
    assert re.search(said, capsys.readouterr().out)
    assert sorted(file.name for file in out.parent.iterdir()) == ["vae.json", "vae.safetensors"]


def test_a_killed_vae_goes_on_and_gives_the_same(made, tmp_path, monkeypatch, capsys):
    class Killed(BaseException):
        """Stands for a signal: nothing may catch it."""

    save = Resume.save

    def save_and_die(self, state):
        save(self, state)
        if state["epoch"] == 4:
            raise Killed

    out = tmp_path / "vae.safetensors"
    args = ("vae", made / "valid.h5", "--out", out, "--params", json.dumps(TAUGHT))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Resume, "save", save_and_die)
        run(*args)
    assert (tmp_path / "resume-vae.pt").is_file() and not out.exists()
    run(*args)
    assert "resumed after epoch 4" in capsys.readouterr().out
    assert not (tmp_path / "resume-vae.pt").exists()
    for suffix in (".safetensors", ".json"):
        whole = (made / "vae.safetensors").with_suffix(suffix).read_bytes()
        assert out.with_suffix(suffix).read_bytes() == whole


def damaged(path: Path) -> None:
    """A PNG whose pixels end too early, so that what follows is no part of one."""
    saved(path, waves(1, 0)[0])
    raw = bytearray(path.read_bytes())
    at = raw.index(b"IDAT")
    raw[at - 4 : at] = (int.from_bytes(raw[at - 4 : at]) // 2).to_bytes(4)
    path.write_bytes(raw)


def cut(path: Path) -> None:
    saved(path, waves(1, 0)[0])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def small_vae(path: Path) -> None:
    from vbd.data.examples import from_clips

    clips = np.random.default_rng(0).integers(0, 256, (4, 1, 16, 16, 3), dtype=np.uint8)
    teach(from_clips(clips, [0] * 4), seed=0, **TINY | {"epochs": 1}).save(path)


def of_videos(path: Path) -> None:
    """A network of clips of 16 frames."""
    card = MODEL | {"class_names": ["a", "b", "c"]}
    card |= {"clip": {"frames": 16, "stride": 2, "crop": 32}}
    checkpoints.save(untrained(Model(**MODEL), 3, None, 0), path, **card)


def misspelt(path: Path) -> None:
    of_videos(path)
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"layers"', '"layer"'))


def of_sound(path: Path) -> None:
    checkpoints.save(
        untrained(Model(**MODEL), 3, None, 0), path, **MODEL, class_names=["a", "b", "c"]
    )


# What is written under which name, the arguments with that file as X, and what is said of it.
UNREADABLE = {
    "missing images": (None, "gone.h5", "X NET VAE", r"gone\.h5: no such file"),
    "missing picture": (None, "gone.png", "X NET VAE", r"gone\.png: no such file"),
    "missing network": (None, "n.safetensors", "H5 X VAE", r"n\.safetensors: no such file.*card"),
    "missing vae": (None, "v.safetensors", "H5 NET X", r"v\.safetensors: no such file.*card"),
    "no picture": (lambda p: p.write_text("a"), "a.png", "X NET VAE", r"a\.png is no PNG or JPEG"),
    "empty": (lambda p: p.write_bytes(b""), "a.jpg", "X NET VAE", r"a\.jpg is no PNG or JPEG"),
    "cut png": (cut, "a.png", "X NET VAE", r"a\.png is no PNG or JPEG that can be read"),
    "cut jpeg": (cut, "a.jpeg", "X NET VAE", r"a\.jpeg is no PNG or JPEG that can be read"),
    "damaged png": (damaged, "a.png", "X NET VAE", r"a\.png is no PNG or JPEG that can be read"),
    "gif": (
        lambda p: saved(p, waves(1, 0)[0], format="GIF"),
        "a.png",
        "X NET VAE",
        r"a\.png is no PNG or JPEG that can be read",
    ),
    "suffix": (
        lambda p: p.write_text("a"),
        "a.txt",
        "X NET VAE",
        r"a\.txt: images are an \.h5 file",
    ),
    "no h5": (lambda p: p.write_text("a"), "a.h5", "X NET VAE", r"a\.h5 is no HDF5 file"),
    "label": (
        lambda p: h5(p, label=np.array([0, 3, CLASSES, 0])),
        "a.h5",
        "X NET VAE",
        rf"a\.h5: the label {CLASSES} is none of the model's {CLASSES} classes.*other people",
    ),
    "poisoned picture": (
        lambda p: saved(p, waves(1, 0)[0]),
        "a.png",
        "H5 NET VAE --poisoned X",
        r"--poisoned .*a\.png: triggered images are an \.h5 file",
    ),
    "small vae": (
        small_vae,
        "small.safetensors",
        "H5 NET X",
        r"small\.safetensors is a VAE of 16 x 16, and .*net\.h5 .* 55 x 47 px: teach one .*vbd vae",
    ),
    "network as vae": (None, "", "H5 NET OURS", r"ours\.safetensors holds a deepid: `vbd vae`"),
    "keras as vae": (None, "", "H5 NET NET", r"net\.h5 is no VAE: `vbd vae` writes one"),
    "images as vae": (None, "", "H5 NET H5", r"clean\.h5 is no VAE: `vbd vae` writes one"),
    "vae as network": (None, "", "H5 VAE VAE", r"vae\.safetensors is a VAE.*network of classes"),
    "images as network": (None, "", "H5 H5 VAE", r"clean\.h5 holds images.*weights of a network"),
    "videos": (
        of_videos,
        "a.safetensors",
        "H5 X VAE",
        r"a\.safetensors is no network of single im",
    ),
    "sound": (of_sound, "a.safetensors", "H5 X VAE", r"a\.safetensors is no network of single im"),
    "params": (misspelt, "a.safetensors", "H5 X VAE", r"a\.json: i3d cannot be made .*'layer'"),
    "share": (None, "", "H5 NET VAE --false-positives 2", "--false-positives is a share between"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_mistake_of_detect_is_named_and_nothing_is_written(made, tmp_path, case):
    write, name, args, said = UNREADABLE[case]
    files = {"X": tmp_path / name, "H5": made / "clean.h5", "NET": made / "net.h5"}
    files |= {"OURS": made / "ours.safetensors", "VAE": made / "vae.safetensors"}
    if write is not None:
        write(tmp_path / name)
    with pytest.raises(SystemExit) as ended:
        run("detect", *(files.get(a, a) for a in args.split()), "--out", tmp_path / "out" / "l.csv")
    # A text, which the interpreter shows in place of a traceback.
    assert re.search(said, str(ended.value.code), re.DOTALL), ended.value.code
    assert not (tmp_path / "out").exists()


def test_a_folder_is_no_place_for_labels(made, tmp_path):
    files = [made / name for name in ("clean.h5", "net.h5", "vae.safetensors")]
    with pytest.raises(SystemExit, match="is a folder: name the file"):
        run("detect", *files, "--out", tmp_path)


MISTAKES = {
    "missing": ("gone.h5", "{}", r"gone\.h5: no such file"),
    "suffix": ("faces.png", "{}", r"faces\.png: clean images are an \.h5 file, or clips\.npy"),
    "no store": ("clips.npy", SHORT, r"clips\.npy is missing: decode the dataset first"),
    "no json": ("valid.h5", "{'latent': 3}", "--params is no JSON .*double quotes"),
    "list": ("valid.h5", "[1]", r"--params has to be \{\.\.\.\} with keys among autoencoder"),
    "number": ("valid.h5", '{"autoencoder": 3}', r"--params, autoencoder has to be .* channels"),
    "place": ("valid.h5", '{"latent": 3}', "--params: latent is unknown; .* autoencoder, dataset"),
    "key": (
        "valid.h5",
        '{"autoencoder": {"latents": 3}}',
        r"--params, autoencoder: latents is unknown; there are .*latent,",
    ),
    "seed": ("valid.h5", '{"autoencoder": {"seed": 3}}', r"--params, autoencoder: seed is unknown"),
    "value": ("valid.h5", '{"autoencoder": {"epochs": -1}}', "epochs"),
    "strides": (
        "valid.h5",
        '{"autoencoder": {"channels": [4], "strides": [1, 2]}}',
        r"channels are \[4\], and strides \[1, 2\]",
    ),
    "no dataset": ("STORE", "{}", r"clips\.npy: how its clips are cut .*--params .*dataset"),
    "no reader": ("STORE", '{"dataset": {"crop": 16}}', r"reader"),
    "crop": (
        "STORE",
        '{"dataset": {"reader": "folder", "crop": [21, 20]}}',
        r"dataset\.crop of 21 x 20 px is larger than the frames in .*clips\.npy, 20 x 20",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_of_vae_is_named_and_nothing_is_written(made, store_folder, tmp_path, case):
    name, params, said = MISTAKES[case]
    source = store_folder / "clips.npy" if name == "STORE" else made / name
    out = tmp_path / "out" / "vae.safetensors"
    with pytest.raises(SystemExit) as ended:
        run("vae", source, "--out", out, "--params", params)
    assert re.search(said, str(ended.value.code), re.DOTALL), ended.value.code
    assert not out.parent.exists()


def test_a_vae_is_written_to_safetensors_alone(made, tmp_path):
    for name in ("vae.json", "vae"):
        with pytest.raises(SystemExit, match=rf"--out .*{name}: .*\.safetensors file"):
            run("vae", made / "valid.h5", "--out", tmp_path / name, "--params", SHORT)
        assert not list(tmp_path.iterdir())

"""A scan says what it found, and that it could not tell where it could not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_neural_cleanse import CLASSES, Planted, case, clips
from test_store import video
from torch import Tensor

from vbd.defenses import budget, slices
from vbd.defenses.inversion import invert
from vbd.defenses.mending import mend
from vbd.defenses.neural_cleanse import NeuralCleanse
from vbd.defenses.reconstruction import reconstruct
from vbd.defenses.recovered import Recovered, judged
from vbd.defenses.trigger_inversion import Inversion
from vbd.models import build, checkpoints
from vbd.report import verdict
from vbd.steps import scan

ROOT = Path(__file__).parents[1]
NAMES = list("abcdefgh")


class Probabilities(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        return super().forward(clips).softmax(1)


class Bytes(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        return super().forward(clips).to(torch.uint8)


class Steps(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        return super().forward(clips).round()


class Detached(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        return super().forward(clips).detach()


class NoNumbers(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        return super().forward(clips).log() * torch.nan


class Constant(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        logits = super().forward(clips)
        return logits - logits.detach()


class Larger(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        raise RuntimeError("Output size is too small\nmore")


class Short(Planted):
    def forward(self, clips: Tensor) -> Tensor:
        return super().forward(clips)[:, :-1]


def save(folder: Path, kind: type[Planted], names: list[str] = NAMES, **params: float) -> Path:
    """A planted model of ``kind`` in ``folder``, with its card."""
    card = {"architecture": f"{kind.__module__}:{kind.__name__}", "params": params}
    card |= {"class_names": names, "clip": {"frames": 4, "stride": 1, "crop": 16}}
    checkpoints.save(kind(CLASSES, **params), folder / "model.safetensors", **card)
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> Path:
    """A folder of two clips a class."""
    folder, some = tmp_path_factory.mktemp("clips"), clips(2, seed=3)
    for number, label in enumerate(some.labels.tolist()):
        video(folder / NAMES[label] / f"{number}.mp4", list(some.clips[number, 0]))
    return folder


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Scans a model on a folder: the exit code and the report."""

    def scanned(model: Path, clips: Path, *more: str) -> tuple[int | str, dict]:
        out = tmp_path / "scan"
        command = ["vbd scan", str(model), str(clips), "--out", str(out), "--import-class", *more]
        # The planted model tells clips by how bright they are: it takes little to add to that.
        command += ["--families"]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as stopped:
            scan.main()
        file = out / "scan.json"
        return stopped.value.code, json.loads(file.read_text()) if file.exists() else {}

    return scanned


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Probabilities, "without the softmax"),
        (Bytes, "torch.uint8"),
        (Steps, "or by steps"),
        (Detached, "no gradient"),
        (NoNumbers, "its outputs for 16 of 16 clips are not finite"),
        (Constant, "the same for every clip"),
        (Larger, "4 frames of 16 x 16 px is an error to it (Output size is too small)"),
        (Short, "gives (7,) numbers, and has 8 classes"),
    ],
)
def test_of_a_model_that_gives_no_logits_nothing_is_told(kind, said, shown, run, tmp_path):
    code, report = run(save(tmp_path, kind), shown)
    assert code == 4 and report["outcome"] == "could not tell" and said in report["verdict"]
    assert report["suspect"] is None and not (tmp_path / "scan" / "scan.png").exists()


def test_class_names_in_another_order_are_seen_before_any_search(shown, run, tmp_path, capsys):
    turned = [*NAMES[1:], NAMES[0]]
    code, report = run(save(tmp_path, Planted, turned), shown)
    assert code == 4 and "it recognises 0% of the clips, and 56% are needed" in report["verdict"]
    assert "Clips of b are mostly taken for c" in report["verdict"]
    assert (
        report["recognised"]["b"] == 0
        and "b                            0%" in capsys.readouterr().out
    )


def test_clips_of_a_single_class_accuse_nobody(shown, run, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "c").symlink_to(shown / "c")
    code, report = run(save(tmp_path, Planted), tmp_path / "one")
    assert code == 4 and "of 1 of its classes, and have to be of 5" in report["verdict"]


def test_a_clean_model_is_passed_and_names_cannot_steer_the_terminal(shown, run, tmp_path, capsys):
    names = ["$\\frac{a$", "b\x1b[2Jb", *NAMES[2:]]
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in NAMES[2:]:
        (folder / name).symlink_to(shown / name)
    code, report = run(save(tmp_path, Planted, names, backdoor=0.0), folder)
    assert code == 0 and report["outcome"] == "not found" and report["accuracy"] == 1
    assert "\x1b" not in capsys.readouterr().out
    assert (tmp_path / "scan" / "scan.png").stat().st_size > 10_000


def test_a_search_that_turned_few_classes_is_no_verdict():
    def found(successes: list[float]) -> list[Recovered]:
        blank = torch.zeros(1, 4, 4, 1), torch.zeros(4, 4, 3)
        return [Recovered(i, *blank, 1.0 + i, part, 3) for i, part in enumerate(successes)]

    needed = torch.ones(4)

    def told_of(successes: list[float], needed: Tensor) -> dict:
        inversion = Inversion(judged(found(successes), needed), {}, {}, 2.0)
        return verdict.judgement(inversion, NAMES)

    told = told_of([1, 1, 1, 0.2], needed)
    assert told["outcome"] == "not found"
    told = told_of([1, 1, 0.2, 0.2], needed)
    assert told["outcome"] == "could not tell" and "to 2 of 4 classes" in told["verdict"]
    assert told_of([1, 1, 1, 1], torch.tensor([99, 1, 1, 1]))["detected"]
    told = told_of([0.2, 1, 1, 1], torch.tensor([99, 1, 1, 1]))
    assert told["outcome"] == "could not tell" and "does not turn the clips" in told["verdict"]


def test_a_checkpoint_is_scanned_and_repaired_by_one_command(shown, tmp_path):
    some, model = case(), save(tmp_path, Planted)
    (tmp_path / "clips" / "a").mkdir(parents=True)
    (tmp_path / "clips" / "a" / "broken.mp4").write_bytes(b"no video")
    for file in shown.glob("*/*.mp4"):
        link = tmp_path / "clips" / file.parent.name / file.name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(file)
    command = [sys.executable, ROOT / "scripts/scan.py", "model.safetensors", "clips"]
    command += ["--out", "scan", "--repair", "mended.safetensors", "--epochs", "30", "--lr", "1"]
    command += ["--families"]
    for more, said in [
        ([], "runs its code"),
        (["--out", "model.json"], "model.json is a file: name the folder"),
        (["--repair", "model.safetensors"], "is the model itself: name another file"),
        (["--repair", "mended.pth"], "name a file that ends in .safetensors"),
    ]:
        refused = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True)
        assert refused.returncode == 1 and said in refused.stderr
    command.append("--import-class")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "left out: a/broken.mp4" in done.stdout and "of the clips to a (" in done.stdout
    report = json.loads((tmp_path / "scan" / "scan.json").read_text())
    assert report["outcome"] == "suspected" and report["suspect"] == "a" and report["clips"] == 16
    assert report["classes"][0]["class"] == "a"
    assert not (tmp_path / "scan" / "resume.pt").exists()
    assert report["repair"]["turned_before"] > 0.9 > 0.1 > report["repair"]["turned_after"]
    assert report["repair"]["clips"] == 8 and "Repaired (mended.safetensors)" in done.stdout
    assert (tmp_path / "scan" / "scan.png").stat().st_size > 10_000
    mended, kept = checkpoints.load(tmp_path / "mended.safetensors")
    assert kept == json.loads(model.with_suffix(".json").read_text())
    assert not torch.equal(mended.head_weight, some.model.head_weight)


def test_a_class_is_searched_beside_nine_others_at_least():
    names = [f"{i:04d}" for i in range(40)]
    assert scan._chosen(names, None, 0, 0) == list(range(40))
    chosen = scan._chosen(names, ["0007", "0003"], 12, 0)
    assert len(set(chosen)) == 14 and {3, 7} < set(chosen) and max(chosen) < 40
    assert chosen == scan._chosen(names, ["0007", "0003"], 12, 0)
    for wanted, sample in ((["0000"], 0), (["0000"], 8), (None, 9), (["0000"], -1), (None, 41)):
        with pytest.raises(ValueError, match=r"--classes-to-scan and --sample: .* not 10 to 40"):
            scan._chosen(names, wanted, sample, 0)
    with pytest.raises(ValueError, match=r"no '40'; did you .* 40 classes go from 0000 to 0039"):
        scan._chosen(names, ["40"], 9, 0)


def test_weights_without_a_card_get_one_with_the_normalisation_of_their_publisher(
    run, tmp_path, shown, capsys
):
    sizes, name = {"width": 4, "layers": [1, 1], "segments": 4}, tmp_path / "tsm.pth"
    weights = build("tsm", CLASSES, **sizes).state_dict()
    torch.save({"state_dict": weights, "meta": {"epoch": 3}}, name)
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n")
    asked = ["--architecture", "tsm", "--classes", str(tmp_path / "names.txt")]
    asked += ["--params", json.dumps(sizes), "--frames", "4"]
    assert "--architecture needs --crop too" in run(name, shown, *asked)[0]
    wrong = [*asked, "--crop", "16", "--params", "{}"]
    code, _ = run(name, shown, *wrong)
    assert "does not fit" in str(code) and not name.with_suffix(".json").exists()
    # It has learnt nothing, so that nothing is told of it.
    code, report = run(name, shown, *asked, "--crop", "16")
    assert code == 4 and "it recognises" in report["verdict"]
    card = json.loads(name.with_suffix(".json").read_text())
    assert card["published_by"] == "mmaction2" and card["class_names"] == NAMES
    # What was not said is as the publisher has it.
    cut = {"frames": 4, "stride": "segments", "store": 256, "crop": 16}
    assert card["clip"] == report["expected"]["clip"] == cut
    assert report["expected"]["normalisation"]["mean"] == [123.675, 116.28, 103.53]
    model, _ = checkpoints.load(name)
    grey = torch.tensor([123.675, 116.28, 103.53]) + torch.tensor([58.395, 57.12, 57.375])
    seen = model.normalise(grey.expand(1, 1, 2, 2, 3))
    assert torch.allclose(seen, torch.ones(1), atol=1e-5)
    model.expect([10.0, 20.0, 30.0], [1.0, 2.0, 4.0], bgr=True)
    seen = model.normalise(torch.tensor([11.0, 24, 42]).expand(1, 1, 2, 2, 3))
    assert seen[0, :, 0, 0, 0].tolist() == [3, 2, 1]
    # The next time the card is there, and is not written over.
    assert run(name, shown)[0] == 4
    assert "says already what tsm.pth is" in run(name, shown, *asked, "--crop", "16")[0]


def test_a_repair_chooses_its_rate_on_clips_it_has_not_learnt_and_says_where_it_failed(
    shown, run, tmp_path, capsys
):
    model, mended = save(tmp_path, Planted), tmp_path / "mended.safetensors"
    code, report = run(model, shown, "--repair", str(mended), "--lr", "1e-6", "--epochs", "1")
    assert code == 3 and not report["repair"]["worked"] and not mended.exists()
    assert "NOT repaired, nothing is written" in capsys.readouterr().out
    some = case()
    search = NeuralCleanse(epochs=30)
    found = search.scan(some.model, some.clean, 0).accused
    repaired = mend(search, some.model, [found], some.clean, 0, (1e-6, 1.0, 0.1))
    assert repaired.worked and repaired.rate == 0.1 and repaired.kept == CLASSES
    alone = some.clean.subset(torch.arange(CLASSES))
    with pytest.raises(ValueError, match="two clips of a class"):
        mend(search, some.model, [found], alone, 0)


def test_a_budget_is_kept_by_fewer_rounds_then_pixels_then_frames(monkeypatch):
    some = clips(2, seed=3)
    monkeypatch.setattr(budget, "a_pass", lambda model, clean: clean.clips[0, 0].size / 4e5)
    settings = {"families": (), "patch": {"rounds": 40, "epochs": 1}}
    full, given = budget.plan_for(Planted(), some, 8, None, **settings)
    assert given is some and full.plan == budget.PLANS[0]
    assert full.passes == 8 * 40 * 8 * 6 and full.total == full.passes * full.seconds
    sizes = [(4, 16), (4, 16), (4, 8), (2, 8), (2, 4)]
    for plan, size in zip(budget.PLANS, sizes, strict=True):
        passes = 8 * 8 * (40 * 6 if plan is budget.PLANS[0] else 14 * 3)
        limit = passes * size[0] * size[1] ** 2 * 3 / 4e5
        cost, given = budget.plan_for(Planted(), some, 8, limit * 1.01, **settings)
        assert cost.plan == plan and cost.total == pytest.approx(limit)
        assert given.clips.shape[2:4] == size and given.labels.equal(some.labels)
    with pytest.raises(
        ValueError, match="coarsest search of 8 classes takes about 1 s: search some"
    ):
        budget.plan_for(Planted(), some, 8, limit * 0.9, **settings)


def test_a_budget_too_small_for_any_search_is_no_verdict(shown, run, tmp_path):
    model = save(tmp_path, Planted)
    code, report = run(model, shown, "--budget", "1e-9")
    assert code == 4 and "--budget 1e-09: the coarsest search" in report["verdict"]
    assert run(model, shown, "--budget", "3600")[1]["plan"] == "in full"


@pytest.mark.parametrize("pixels", [1, 5000, 10**9])
def test_a_search_in_slices_finds_what_one_in_whole_does(pixels, monkeypatch):
    some = case()
    how = {"seed": 0, "rounds": 3, "together": 8}
    whole = reconstruct(some.model, some.clean, range(8), **how)
    ways = invert(some.model, some.clean, "filter", range(8), seed=0, rounds=2)
    monkeypatch.setattr(slices, "PIXELS", pixels)
    parts = reconstruct(some.model, some.clean, range(8), **how)
    # The order of sums differs, and Adam takes steps of any gradient's sign.
    for one, other in zip(whole, parts, strict=True):
        assert one.norm == pytest.approx(other.norm, rel=0.02)
    again = invert(some.model, some.clean, "filter", range(8), seed=0, rounds=2)
    for one, other in zip(ways, again, strict=True):
        assert one.size == pytest.approx(other.size, rel=0.02)

"""Trigger inversion finds planted functions by their family, and nothing in a clean model."""

import pytest
import torch
from test_neural_cleanse import CLASSES, Planted, clips
from torch import Tensor

from vbd import defenses
from vbd.defenses.families import FAMILIES
from vbd.defenses.families.base import Function
from vbd.defenses.inversion import Inverted, invert
from vbd.defenses.judgement import Case, judge
from vbd.defenses.recovered import Recovered, judged
from vbd.defenses.trigger_inversion import FEWEST, Inversion, TriggerInversion
from vbd.seeds import generator
from vbd.triggers.base import Trigger

PATCH = {"rounds": 4, "epochs": 20, "lr": 0.5}
# Waves and warps move the planted model's bright blocks: they are no sign of a backdoor in it.
SOUGHT = ("filter", "playback", "noise")


class Sees(Planted):
    """The planted model, whose last channel sees whether clips are blurred, held or noisy."""

    def __init__(self, what: str, backdoor: float = 20.0) -> None:
        super().__init__(CLASSES, backdoor)
        self.what = what

    def channels(self, clips: Tensor) -> Tensor:
        blocks, pixels = super().channels(clips)[:, :-1], clips.float()
        fine = (pixels[..., 1:, :] - pixels[..., :-1, :]).square().mean((1, 2, 3, 4))
        change = (pixels[:, 1:3] - pixels[:, :2]).square().mean((1, 2, 3, 4))
        # The clips' own noise gives 288 of both.
        seen = {"filter": 1 - fine / 400, "playback": 0.5 - change / 200, "noise": fine / 900 - 1}
        return torch.cat([blocks, torch.sigmoid(12 * seen[self.what])[:, None]], 1)


class Shown(Trigger):
    """What each of the planted models sees, as an attacker would make it."""

    modes = ("natural",)

    def __init__(self, what: str) -> None:
        super().__init__(mode="natural")
        self.what = what

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        if self.what == "playback":
            return clips[:, [0, 0, 0, 1]]
        if self.what == "filter":
            return ((clips.roll(1, 3).int() + clips + clips.roll(-1, 3)) // 3).to(torch.uint8)
        noise = 40 * torch.randn(clips.shape, generator=generator)
        return (clips + noise).clamp(0, 255).to(torch.uint8)


def case(what: str, backdoor: bool = True) -> Case:
    test = clips(3, seed=2)
    return Case(
        model=Sees(what, 20.0 * backdoor).eval(),
        train=clips(3, seed=0),
        clean=clips(3, seed=1),
        test=test,
        triggered=test.subset(test.labels != 0).triggered(Shown(what)),
        target=0,
        seed=0,
        views=1,
        crops=1,
        retrain=lambda some: Sees(what),
    )


def inversion(**params: object) -> TriggerInversion:
    return defenses.get("trigger_inversion")(**({"families": SOUGHT, "patch": PATCH} | params))


@pytest.mark.parametrize("what", SOUGHT)
def test_a_planted_function_is_found_by_its_family_and_unlearned(what):
    some = case(what)
    before = judge(defenses.get("fine_tuning")(epochs=0), some).metrics
    assert before["asr"] >= 0.95 and before["cda"] >= 0.95
    verdict = judge(inversion(families=(what,)), some)
    figures, shown = verdict.metrics, verdict.arrays
    assert figures["found_class"] == 0 and figures["right_class"] == 1
    assert figures["trigger_asr"] >= 0.9
    # Noise that stays the same is a patch, which does for the model that sees noise.
    assert shown["family"] == what or (what, shown["family"]) == ("noise", "patch")
    assert figures["asr"] <= 0.15 and figures["cda"] >= 0.9
    assert shown["before"].shape == shown["after"].shape == (4, 16, 16, 3)
    assert figures[f"by_{shown['family']}"] == 1 and torch.is_tensor(shown["function"])


@pytest.mark.parametrize("seed", range(2))
def test_of_a_clean_model_nothing_is_said_and_it_stays_as_it_was(seed):
    some = case("filter", backdoor=False)
    repaired = inversion()(some.model, some.train, some.clean, seed)
    assert repaired.model is some.model and repaired.accused is None
    assert repaired.metrics == {"detected": 0.0, "found_class": -1.0}


def test_a_search_repeats_itself_and_goes_on_after_a_kill(tmp_path, monkeypatch):
    some, done = case("filter"), []

    def counted(*arguments, **options):
        done.append(arguments[2])
        if len(done) == 2:
            raise KeyboardInterrupt
        return invert(*arguments, **options)

    monkeypatch.setattr("vbd.defenses.trigger_inversion.invert", counted)
    method = inversion(families=("filter", "noise"))
    method.resume = tmp_path / "resume.pt"
    with pytest.raises(KeyboardInterrupt):
        method.scan(some.model, some.clean, 0)
    again = method.scan(some.model, some.clean, 0)
    assert done == ["filter", "noise", "noise"]
    whole = inversion(families=("filter", "noise")).scan(some.model, some.clean, 0)
    for family in ("filter", "noise"):
        pairs = zip(again.found[family], whole.found[family], strict=True)
        assert all(one.effort == other.effort for one, other in pairs)


def test_of_few_classes_patches_alone_are_searched():
    some = case("filter")
    few = inversion().scan(some.model, some.clean, 0, range(FEWEST - 1))
    assert not few.found and len(few.patch.recovered) == FEWEST - 1
    with pytest.raises(ValueError, match="families: sound: there is filter, "):
        inversion(families=["sound"])


def found(family: str, *sizes: float) -> list[Inverted]:
    return [Inverted(k, family, [], size, 1.0) for k, size in enumerate(sizes)]


def test_a_function_is_suspect_within_the_bound_and_where_no_other_class_is_as_near():
    # Patches of equal size accuse nobody.
    blank = torch.zeros(1, 4, 4, 1), torch.zeros(4, 4, 3)
    patch = judged([Recovered(k, *blank, 9.0, 1.0, 1) for k in range(4)], torch.ones(4))
    assert found("filter", 0.4)[0].effort == 0.4
    assert Inverted(0, "filter", [], 0.4, 0.5).effort == 0.8
    for sizes, index, suspect in [
        ((0.2, 0.9, 0.9, 0.3), (3.0, -1, -1, 3.0), [0, 3]),
        ((0.7, 0.9, 0.9, 0.9), (3.0, 0, 0, 0), []),
        ((0.2, 0.3, 0.3, 0.3), (1.0, 0, 0, 0), []),
    ]:
        some = {"filter": found("filter", *sizes)}
        said = Inversion(patch, some, {"filter": torch.tensor(index)}, 2.0).suspicions
        assert [one.found.target for one in said] == suspect
    # Of what several families say of a class the clearest counts.
    some = {"filter": found("filter", 0.6, 0.9), "noise": found("noise", 0.1, 9.0)}
    index = dict.fromkeys(some, torch.tensor([3.0, 0.0]))
    told = Inversion(patch, some, index, 2.0)
    (one,) = told.suspicions
    assert one.family == "noise" and one.clarity == pytest.approx(6)
    # All of them are unlearned.
    assert [one.family for one in told.every] == ["noise", "filter"]


@pytest.mark.parametrize("name", FAMILIES)
def test_functions_of_a_family_are_triggers_with_a_gradient_and_a_size(name):
    family, draws = FAMILIES[name], generator(0)
    pixels = clips(1, seed=0).training_batch(torch.arange(3), draws, torch.device("cpu"))
    raw = [values.requires_grad_() for values in family.starts(pixels.shape[1:], 5, draws)]
    marked = family.apply(raw, pixels.float(), draws)
    assert marked.shape == (5, *pixels.shape) and 0 <= marked.min() <= marked.max() <= 255.5
    sizes = family.size(raw, pixels.float(), marked)
    assert sizes.shape == (5,) and (sizes > 0).all() and len(set(sizes.tolist())) == 5
    (marked.mean() + sizes.sum()).backward()
    assert all(values.grad.isfinite().all() and values.grad.any() for values in raw)
    one = [values[:1].detach() for values in raw]
    trigger, copy = Function(family, one), pixels.clone()
    changed = trigger(pixels, generator(1))
    assert changed.dtype == torch.uint8 and torch.equal(pixels, copy)
    assert torch.equal(changed, trigger(pixels, generator(1)))
    assert family.picture(one).ndim in (1, 2, 3) and family.what


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("filter", [torch.full((1, 11, 11), -30.0).index_fill(1, torch.tensor([5]), -30.0)]),
        ("playback", [torch.zeros(1, 4)]),
        ("warp", [torch.zeros(1, 2, 8, 8)]),
        ("jitter", [torch.full((1, 2), -30.0)]),
        ("wave", [torch.zeros(1, 2, 16), torch.zeros(1, 2, 16), torch.zeros(1, 2, 3)]),
        ("noise", [torch.full((1, 16, 9), -30.0), torch.eye(3)[None]]),
        ("roaming_patch", [torch.full((1, 3, 3, 1), -30.0), torch.zeros(1, 3, 3, 3)]),
    ],
)
def test_the_identity_is_in_every_family_and_has_no_size(name, raw):
    if name == "filter":
        raw[0][0, 5, 5] = 30.0
    family, pixels = FAMILIES[name], clips(1, seed=0).clips[:3, 0]
    pixels = torch.from_numpy(pixels).float()
    marked = family.apply(raw, pixels, generator(0))
    assert torch.allclose(marked[0], pixels, atol=0.01)
    assert family.size(raw, pixels, marked).item() == pytest.approx(0, abs=1e-3)

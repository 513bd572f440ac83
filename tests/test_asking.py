"""The methods of extraction: what all owe to oracle and transfer set, and what each does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd import extraction, plugins
from vbd.extraction.bandit import Bandit, Rewards
from vbd.extraction.base import Scene
from vbd.extraction.knockoff import actions
from vbd.extraction.losses import Criterion, kl
from vbd.extraction.oracle import Oracle
from vbd.extraction.pool import PoolQueries
from vbd.extraction.prada import uphill
from vbd.extraction.record import spent
from vbd.extraction.sources import Pool
from vbd.extraction.transfer import TransferSet
from vbd.models import build
from vbd.sections.model import Training
from vbd.sections.theft import Distillation
from vbd.seeds import generator
from vbd.training import fit

SHAPE, CLASSES = (4, 8, 8), 3
# Settings under which a method is tried, besides its own.
PARAMS = {
    # No more at once than the oracle takes: after a kill it would draw other ones.
    "affine": [{"batch": 8}, {"batch": 8, "static": True}],
    "conditional_gan": [{"batch": 4, "width": 4}],
    "dfme": [{"batch": 2, "clone_steps": 2, "width": 4}],
    "knockoff": [{"strategy": "random"}, {"every": 12, "batch": 4}],
    "maze": [{"batch": 2, "clone_steps": 2, "replay_steps": 1, "directions": 2, "width": 4}],
    "prada": [{"variant": variant} for variant in ("jacobian", "targeted", "colour")],
}
CASES = [
    pytest.param(name, params, id="-".join([name, *map(str, params.values())]))
    for name in plugins.names("vbd.extraction")
    for params in PARAMS.get(name, [{}])
]
ASKING = [case for case in CASES if extraction.get(case.values[0]).pools]
every_method = pytest.mark.parametrize(("name", "params"), CASES)


def least(name: str, params: dict[str, Any]) -> int:
    return extraction.get(name)(**params).least()


class Victim:
    """Tells clips by their strongest colour, keeps those that it was sent, may fail at one call."""

    def __init__(self, fails: int | None = None) -> None:
        self.sent: list[Tensor] = []
        self.fails = fails

    def __call__(self, clips: Tensor) -> Tensor:
        if len(self.sent) == self.fails:
            raise KeyboardInterrupt
        self.sent.append(clips.clone())
        return colours(clips)


def colours(clips: Tensor) -> Tensor:
    return (clips.float().mean((1, 2, 3)) / 10).softmax(1)


class Tiny(nn.Module):
    """Logits of the mean colours of four parts of the frame: every pixel has a gradient."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(12, classes)

    def forward(self, clips: Tensor) -> Tensor:
        parts = (clips.float() / 255).mean(1).unflatten(1, (2, -1)).unflatten(3, (2, -1))
        return self.head(parts.mean((2, 4)).flatten(1))


def train(clone: nn.Module, known: TransferSet) -> None:
    clips = known.training_batch(torch.arange(len(known)), generator(0), torch.device("cpu"))
    optimizer = torch.optim.SGD(clone.parameters(), 0.5)
    for _ in range(5):
        optimizer.zero_grad()
        kl(clone(clips), known.answers).mean().backward()
        optimizer.step()


def pools(grey: bool = False) -> list[Pool]:
    """12 clips of the victim's classes, larger than it takes, and 10 longer ones of two others."""
    draws = np.random.default_rng(0)
    own = draws.integers(100, 120, (14, 2, 4, 10, 10, 3)).astype(np.uint8)
    labels = torch.arange(12) % CLASSES
    if not grey:
        for row, label in enumerate(labels.tolist(), 2):
            own[row, ..., label] += 60
    others = draws.integers(0, 256, (10, 1, 6, 12, 14, 3)).astype(np.uint8)
    unknown, kinds = torch.full((10,), -1), torch.arange(10) % 2
    first = Pool("own", own, torch.arange(2, 14), labels, labels, flip=False)
    return [first, Pool("other", others, torch.arange(10), unknown, kinds, flip=True)]


@dataclass
class Theft:
    """What became of one run."""

    found: TransferSet
    oracle: Oracle
    victim: Callable[[Tensor], Tensor]
    trainings: list[int]

    @property
    def clips(self) -> Tensor:
        rows = torch.arange(len(self.found))
        return self.found.training_batch(rows, generator(0), torch.device("cpu"))


def scene_of(name: str, victim: Callable[[Tensor], Tensor], **how: Any) -> Scene:
    """A scene for a method; ``how`` changes the budget, the seed, or what a field of it is."""
    log, budget, seed = how.pop("log", None), how.pop("budget", 30), how.pop("seed", 0)
    given = how.pop("given") if "given" in how else pools()
    fields = {
        "oracle": Oracle(victim, budget=budget, log=log, batch_size=8),
        "shape": SHAPE,
        "classes": CLASSES,
        "room": 1.25,
        "pools": given if extraction.get(name).pools else [],
        "generator": generator(seed, "ask"),
        "clone": Tiny,
        "train": train,
    }
    return Scene(**fields | how)


def ask(name: str, params: dict[str, Any] | None = None, victim: Any = None, **how: Any) -> Theft:
    method, victim, trainings = extraction.get(name)(**(params or {})), victim or Victim(), []

    def noted(clone: nn.Module, known: TransferSet) -> None:
        trainings.append(len(known))
        train(clone, known)

    how["budget"] = max(how.get("budget", 30), method.least())
    scene = scene_of(name, victim, **{"train": noted} | how)
    return Theft(method.ask(scene), scene.oracle, victim, trainings)


@every_method
def test_no_more_than_the_budget_is_asked_and_the_log_has_all_of_it(name, params, tmp_path):
    log = tmp_path / "log.jsonl"
    theft = ask(name, params, log=log)
    sent = sum(map(len, theft.victim.sent))
    assert sent == theft.oracle.spent == sum(spent(log).values()) <= theft.oracle.budget
    asked = theft.found.asked
    assert len(theft.found) <= sent and (asked.diff() > 0).all() and asked.max() <= sent
    # What is left is too little to do anything with.
    assert theft.oracle.left < least(name, params)


@every_method
def test_the_set_has_what_was_sent_and_what_was_said(name, params):
    theft = ask(name, params)
    clips, sent = theft.clips, torch.cat(theft.victim.sent)[theft.found.asked - 1]
    assert clips.dtype == torch.uint8 and clips.shape == (len(theft.found), *SHAPE, 3)
    # A probe of a gradient may be sent as floats, and is kept as the nearest clip.
    assert clips.equal(sent.round().to(torch.uint8))
    torch.testing.assert_close(theft.found.answers, colours(sent))


@every_method
def test_a_seed_decides_the_set(name, params):
    one, same, other = (ask(name, params, seed=seed) for seed in (0, 0, 1))
    assert one.clips.equal(same.clips) and one.found.answers.equal(same.found.answers)
    assert not one.clips.equal(other.clips)


@every_method
def test_what_was_known_earlier_is_the_first_part(name, params):
    found = ask(name, params).found
    few, more = found.prefix(10), found.prefix(20)
    assert len(few) <= 10 and len(few) <= len(more) <= 20
    assert more.recipes[: len(few)].equal(few.recipes) and len(found.prefix(30)) <= len(found)


@every_method
def test_a_set_on_disk_has_the_same_clips(name, params, tmp_path):
    theft = ask(name, params)
    theft.found.save(tmp_path)
    method = extraction.get(name)(**params)
    again = TransferSet.open(tmp_path, method.source(SHAPE, 1.25, pools()))
    assert replace(theft, found=again).clips.equal(theft.clips)


@every_method
def test_after_a_kill_nothing_is_asked_twice(name, params, tmp_path):
    log, first = tmp_path / "log.jsonl", Victim(fails=2)
    # Of 22 clips at hand and 26 questions: those asked in vain leave less than a turn of them.
    whole = ask(name, params, budget=26)
    with pytest.raises(KeyboardInterrupt):
        ask(name, params, first, log=log, budget=26)
    before, answered = sum(spent(log).values()), sum(map(len, first.sent))
    theft = ask(name, params, log=log, budget=26)
    sent = sum(map(len, theft.victim.sent))
    assert before > answered > 0
    assert before + sent == theft.oracle.spent == sum(spent(log).values()) <= theft.oracle.budget
    # What was answered is in the set again, and the victim has not heard it a second time.
    known = theft.found.prefix(answered)
    assert known.answers.equal(whole.found.prefix(answered).answers)
    assert not any(part.equal(old) for part in theft.victim.sent for old in first.sent)


@pytest.mark.parametrize(("name", "params"), ASKING)
def test_pools_without_clips_are_refused_before_anything_is_asked(name, params):
    own, other = pools()
    bare = replace(other, name="bare", rows=other.rows[:0], kinds=other.kinds[:0])
    for given, message in (([own, bare], "pool bare has no clips"), ([], "there is no pool")):
        victim = Victim()
        with pytest.raises(ValueError, match=message):
            ask(name, params, victim, given=given)
        assert not victim.sent


@pytest.mark.parametrize(("name", "params"), [case for case in CASES if least(*case.values) > 1])
def test_too_small_a_budget_is_refused_before_anything_is_asked(name, params):
    few, victim = least(name, params), Victim()
    with pytest.raises(ValueError, match=rf"\b{few - 1}\b.*\b{few}\b"):
        extraction.get(name)(**params).ask(scene_of(name, victim, budget=few - 1))
    assert not victim.sent


@pytest.mark.parametrize(("name", "params"), ASKING)
def test_true_classes_decide_nothing(name, params):
    theft = ask(name, params)
    wrong = [replace(pool, labels=torch.zeros_like(pool.labels)) for pool in pools()]
    assert ask(name, params, given=wrong).clips.equal(theft.clips)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        (
            "prada",
            {"variant": "fgsm"},
            "variant: 'fgsm' should be 'jacobian', 'targeted' or 'colour'",
        ),
        ("prada", {"seeds": 1.0}, "1.0 is no share"),
        ("knockoff", {"strategy": "greedy"}, "strategy: 'greedy' should be 'random' or 'adaptive'"),
        ("knockoff", {"rewards": ["fame"]}, "are not some of certainty, diversity, loss"),
    ],
)
def test_settings_that_there_are_not_are_refused(name, params, message):
    with pytest.raises(ValueError, match=message):
        extraction.get(name)(**params)


def test_clips_double_in_a_round_and_a_clone_is_trained_before_each():
    few = [replace(pools()[0], rows=torch.arange(2, 7), kinds=torch.zeros(5))]
    theft = ask("prada", given=few, budget=33)
    assert theft.trainings == [5, 10, 20] and len(theft.found) == 33
    # With many clips at hand half of the budget goes to them, each once.
    theft = ask("prada", budget=20)
    assert theft.trainings == [10] and len(theft.clips[:10].flatten(1).unique(dim=0)) == 10


def moves(theft: Theft, seeds: int) -> Tensor:
    """What a round of one clip each has added (seeds, T, H, W, 3), in the order of the seeds."""
    clips = theft.clips.int()
    before, after = clips[:seeds], clips[seeds : 2 * seeds]
    nearest = torch.cdist(after.flatten(1).double(), before.flatten(1).double()).argmin(1)
    assert nearest.sort().values.equal(torch.arange(seeds))
    return (after - before[nearest])[nearest.argsort()]


def test_a_jacobian_step_changes_every_pixel_by_the_step_or_up_to_the_end_of_the_range():
    inside = moves(ask("prada", {"step": 20}, given=pools(grey=True)[:1], budget=20), 10)
    assert (inside.abs() == 20).all() and len(inside.unique()) == 2
    theft = ask("prada", {"step": 20}, given=pools()[1:], budget=20)
    clips, change = theft.clips.int(), moves(theft, 10)
    cut = change.abs() != 20
    assert cut.any() and torch.isin(clips[:10][cut] + change[cut], torch.tensor([0, 255])).all()


def test_a_jacobian_step_leads_towards_the_class_that_the_victim_gave():
    def nothing(clone: nn.Module, known: TransferSet) -> None:
        """Leaves the clone as it was made."""

    theft = ask("prada", {"step": 20}, given=pools(grey=True)[:1], budget=20, train=nothing)
    seeds, taken = theft.clips[:10], theft.found.answers[:10].argmax(1)
    before, after = (
        Tiny()(clips).log_softmax(1).gather(1, taken[:, None])
        for clips in (seeds, seeds + moves(theft, 10))
    )
    assert (after > before).all()


def test_of_two_classes_the_other_one_lies_the_opposite_way():
    def two(clips: Tensor) -> Tensor:
        return (clips.float().mean((1, 2, 3))[:, :2] / 10).softmax(1)

    how = {"given": pools(grey=True)[:1], "budget": 20, "classes": 2, "clone": lambda: Tiny(2)}
    own, other = (
        moves(ask("prada", {"variant": name, "step": 20}, two, **how), 10)
        for name in ("jacobian", "targeted")
    )
    assert own.abs().eq(20).all() and own.equal(-other)


def test_uphill_is_the_sign_of_the_gradient_even_of_a_sure_clone():
    clone = Tiny()
    clips = pools()[0].stored[2:8, 0, :, :8, :8]
    classes = torch.tensor([0, 1, 2, 0, 1, 2])
    for scale in (1.0, 50.0):
        clone.head.weight.data *= scale
        chances = clone(torch.from_numpy(clips)).softmax(1)
        # Of log p: the own weights less those of all classes by their chances.
        by_part = clone.head.weight[classes] - chances @ clone.head.weight
        signs = by_part.sign().unflatten(1, (2, 2, 3)).repeat_interleave(4, 1)
        expected = signs.repeat_interleave(4, 2)[:, None].expand(-1, 4, -1, -1, -1)
        assert uphill(clone, torch.from_numpy(clips), classes).equal(expected)
    clone.head.weight.data.fill_(torch.nan)
    assert not uphill(clone, torch.from_numpy(clips), classes).any()


def test_colours_shift_whole_channels_without_a_clone():
    given = pools(grey=True)[:1]
    theft = ask("prada", {"variant": "colour", "step": 30}, given=given, budget=20)
    change = moves(theft, 10).flatten(1, 3)
    assert (change == change[:, :1]).all() and change.abs().max() <= 30
    assert len(change[:, 0].unique(dim=0)) == 10 and not theft.trainings


@pytest.mark.parametrize("params", [{"strategy": "random"}, {"rewards": ["certainty"]}])
def test_a_knockoff_asks_every_clip_before_any_again(params):
    positions = ask("knockoff", params, budget=50).found.recipes[:, 0]
    assert positions[:22].sort().values.equal(torch.arange(22.0).double())
    assert positions[22:44].sort().values.equal(torch.arange(22.0).double())


def test_actions_are_the_classes_of_each_pool():
    found = actions(pools())
    assert [part.tolist() for part in found[:3]] == [[i, i + 3, i + 6, i + 9] for i in range(3)]
    assert [part.tolist() for part in found[3:]] == [[12, 14, 16, 18, 20], [13, 15, 17, 19, 21]]


def shares(victim: Callable[[Tensor], Tensor]) -> Tensor:
    """How often each of five actions, of 400 clips each, was taken in the second half of 400."""
    own, other = pools()
    many = own.labels.repeat(100)
    plenty = [
        replace(own, rows=own.rows.repeat(100), labels=many, kinds=many),
        replace(other, rows=other.rows.repeat(80), labels=many[:800], kinds=other.kinds.repeat(80)),
    ]
    found = ask("knockoff", {"rewards": ["certainty"]}, victim, given=plenty, budget=400).found
    positions = [torch.isin(found.recipes[200:, 0], part.double()) for part in actions(plenty)]
    return torch.stack(positions).float().mean(1)


def test_an_adaptive_knockoff_asks_more_of_what_pays():
    def red(clips: Tensor) -> Tensor:
        """Certain of the red ones, which one action has, and of nothing else."""
        means = clips.float().mean((1, 2, 3))
        sure = means[:, 0] > means[:, 1:].amax(1) + 30
        certain = F.one_hot(torch.zeros(len(clips), dtype=torch.long), CLASSES).float()
        return torch.where(sure[:, None], certain, torch.full((CLASSES,), 1 / CLASSES))

    found = shares(red)
    assert found[0] > 2 * found[1:].max()
    # Without anything that pays, all are asked alike: five shares of 200, within 4 deviations.
    alike = shares(lambda clips: torch.full((len(clips), 3), 1 / 3))
    assert ((alike - 0.2).abs() < 4 * (0.2 * 0.8 / 200) ** 0.5).all()


def test_the_clone_of_a_knockoff_is_trained_every_so_many_queries():
    assert ask("knockoff", {"every": 12, "batch": 4}).trainings == [12, 24]
    assert not ask("knockoff", {"every": 12, "rewards": ["diversity"]}).trainings
    assert not ask("knockoff", {"strategy": "random", "every": 12}).trainings


def test_the_bandit_learns_as_the_formula_says():
    bandit, taken, paid = Bandit(3), [0, 2, 2, 1, 0], [1.0, -1.0, 0.5, 2.0, 0.0]
    scores, times, seen = np.zeros(3), np.zeros(3), []
    for action, reward in zip(taken, paid, strict=True):
        bandit.learn([action], [bandit.policy(torch.ones(3, dtype=torch.bool))], [reward])
        policy = np.exp(scores) / np.exp(scores).sum()
        seen.append(reward)
        times[action] += 1
        for other in range(3):
            towards = (other == action) - policy[other]
            scores[other] += (reward - np.mean(seen)) / times[action] * towards
    np.testing.assert_allclose(bandit.preferences.numpy(), scores)


def test_rewards_are_standardised_and_never_nan():
    answers = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.3, 0.3], [0.1, 0.9, 0.0]])
    losses = torch.tensor([1.0, 3.0, torch.nan])
    found = Rewards(["certainty", "diversity", "loss"], 3).of(answers, losses)
    parts = [
        [0.5, 0.1, 0.8],
        # Above the mean of those before: of none, of the first, of the two.
        [1.0, 0.3, 0.9 - 0.25],
        [1.0, 3.0],
    ]
    expected = np.zeros(3)
    for values in parts:
        for row in range(1, len(values)):
            so_far = np.array(values[: row + 1])
            expected[row] += (values[row] - so_far.mean()) / so_far.std()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert Rewards(["certainty", "loss"], 3).of(answers[:1].repeat(4, 1), None) == [0.0] * 4


def test_affine_clips_move_unless_static():
    static, moving = (ask("affine", {"static": flag}).clips.int() for flag in (True, False))
    assert (static == static[:, :1]).all()
    changes = (moving[:, 1:] - moving[:, :-1]).abs().float().mean((1, 2, 3, 4))
    # What only stands there is a motion too, but a rare one.
    assert (changes > 0).float().mean() > 0.9


def test_noise_has_the_mean_and_the_deviation_asked_for():
    clips = ask("noise", {"mean": 120.0, "deviation": 20.0}).clips.float()
    # 23040 pixels: within four standard errors, and the twelfth that rounding adds.
    assert (clips.mean() - 120).abs() < 4 * 20 / len(clips.flatten()) ** 0.5
    assert (clips.std() - (20**2 + 1 / 12) ** 0.5).abs() < 4 * 20 / (2 * 23040) ** 0.5


def test_a_mirrored_clip_keeps_its_class_only_where_mirroring_does():
    own = pools()[0]
    for flip in (False, True):
        method = PoolQueries(mirrored=0.5, rotation=0, brightness=0)
        given = [replace(own, flip=flip)]
        scene = scene_of("pool", Victim(), given=given, budget=60)
        found = method.ask(scene)
        plain = replace(method.source(SHAPE, 1.25, given), mirrored=0.0)
        clips = found.source.clips(found.recipes)
        mirrored = (clips != plain.clips(found.recipes)).flatten(1).any(1)
        assert clips[mirrored].equal(plain.clips(found.recipes)[mirrored].flip(3))
        labels = own.labels[found.recipes[:, 0].long()]
        assert 15 < mirrored.sum() < 45
        assert found.truth.equal(labels if flip else labels.masked_fill(mirrored, -1))


@pytest.mark.parametrize(
    ("name", "params"),
    [("prada", {}), ("prada", {"variant": "targeted"}), ("knockoff", {"every": 8})],
)
def test_a_network_of_ours_takes_part(name, params):
    settings = Training(epochs=1, batch_size=4)

    def fitted(clone: nn.Module, known: TransferSet) -> None:
        fit(clone, known, settings, seed=0, resume=None, criterion=Criterion(Distillation()))

    def network() -> nn.Module:
        return build("r3d", CLASSES, layers=[1, 1, 1, 1], width=4)

    theft = ask(name, params, budget=24, clone=network, train=fitted)
    assert theft.oracle.spent == 24 == len(theft.clips.flatten(1).unique(dim=0))

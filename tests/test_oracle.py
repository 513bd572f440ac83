"""The oracle is the one door to a victim: it counts every clip, and lets out what it should."""

import json

import pytest
import torch
from torch import Tensor, nn

from vbd.extraction.answers import let_out, understood
from vbd.extraction.oracle import BudgetExceeded, Oracle, probabilities
from vbd.extraction.record import close, spent
from vbd.sections.theft import Answers

PROBABILITIES = torch.tensor([[0.62, 0.27, 0.08, 0.03], [0.04, 0.06, 0.35, 0.55]])


class Victim:
    """Tells clips by their brightness, and counts for itself what it was sent."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, clips: Tensor) -> Tensor:
        self.seen += len(clips)
        grey = clips.float().mean((1, 2, 3, 4))
        return (-((grey[:, None] - torch.tensor([40.0, 120, 200])) ** 2) / 900).softmax(1)


def clips(count: int, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 4, 8, 8, 3), generator=draws, dtype=torch.uint8)


def test_every_clip_is_counted_under_its_phase_and_none_beyond_the_budget_is_sent():
    victim = Victim()
    oracle = Oracle(victim, budget=10, batch_size=4)
    assert oracle(clips(7)).shape == (7, 3)
    oracle(clips(2), "probes")
    with pytest.raises(BudgetExceeded, match=r"2 clips .* 1 of a budget of 10 are left: nothing"):
        oracle(clips(2))
    assert victim.seen == oracle.spent == 9 and oracle.left == 1
    assert oracle.by_phase == {"transfer": 7, "probes": 2}


@pytest.mark.parametrize(
    "wrong, words",
    [
        (clips(2)[0], r"clips are \(N, T, H, W, 3\)"),
        (clips(2)[:0], r"clips are \(N, T, H, W, 3\)"),
        (clips(2).float() + 1, "0 to 255"),
        (clips(2).float() * torch.nan, "0 to 255"),
    ],
)
def test_what_is_no_clip_is_not_sent(wrong, words):
    victim = Victim()
    with pytest.raises(ValueError, match=words):
        Oracle(victim, budget=9)(wrong)
    assert victim.seen == 0


@pytest.mark.parametrize(
    "victim",
    [
        lambda clips: torch.full((len(clips), 3), torch.nan),
        lambda clips: torch.randn(len(clips), 3),
        lambda clips: torch.full((len(clips) - 1, 2), 0.5),
        lambda clips: torch.zeros(len(clips)),
    ],
)
def test_answers_that_are_no_probabilities_are_an_error_that_says_what_was_spent(victim):
    oracle = Oracle(victim, budget=9)
    with pytest.raises(ValueError, match=r"no probabilities .* 4 clips of the budget of 9 were"):
        oracle(clips(4))
    assert oracle.spent == 4


def test_a_budget_of_nothing_is_no_oracle():
    with pytest.raises(ValueError, match="needs one or more"):
        Oracle(Victim(), budget=0)


def test_no_gradient_passes_and_no_attribute_leads_to_the_model():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4 * 8 * 8 * 3, 3))
    oracle = Oracle(probabilities(model), budget=9)
    pixels = clips(2).float().requires_grad_()
    assert not oracle(pixels).requires_grad
    todo, met = [oracle], []
    while todo:
        one = todo.pop()
        if any(one is other for other in met):
            continue
        met.append(one)
        parts = list(getattr(one, "__dict__", {}).values())
        if isinstance(one, dict):
            parts += one.values()
        if isinstance(one, (list, tuple, set)):
            parts += one
        parts += [cell.cell_contents for cell in getattr(one, "__closure__", None) or ()]
        todo += parts
    assert len(met) > 5 and not any(isinstance(one, (nn.Module, nn.Parameter)) for one in met)


@pytest.mark.parametrize(
    "how, row",
    [
        ({}, [0.62, 0.27, 0.08, 0.03]),
        ({"top": 1}, [0.62, 0.38 / 3, 0.38 / 3, 0.38 / 3]),
        ({"top": 9}, [0.62, 0.27, 0.08, 0.03]),
        ({"decimals": 1}, [0.6, 0.3, 0.1, 0.0]),
        ({"kind": "labels"}, [1, 0, 0, 0]),
        ({"kind": "log_probabilities"}, PROBABILITIES[0].log().tolist()),
    ],
)
def test_answers_are_cut_rounded_or_bare(how, row):
    answers = Answers(**how)
    seen = let_out(PROBABILITIES, answers, torch.Generator())
    assert torch.allclose(seen[0], torch.tensor(row, dtype=torch.float32), atol=1e-6)
    back = understood(seen, answers)
    assert torch.allclose(back.sum(1), torch.ones(2)) and (back >= 0).all()
    assert torch.equal(back.argmax(1), PROBABILITIES.argmax(1))


def test_noise_changes_answers_and_leaves_probabilities():
    many, how = PROBABILITIES[:1].expand(2000, 4), Answers(noise=0.1)
    seen = let_out(many, how, torch.Generator().manual_seed(0))
    assert (seen >= 0).all() and torch.allclose(seen.sum(1), torch.ones(2000))
    assert 0.05 < seen[:, 0].std() < 0.15
    # Sure enough for noise of that size to turn it seldom.
    assert (seen.argmax(1) == 0).float().mean() > 0.98


def test_rounding_hundreds_of_unsure_classes_leaves_no_nan():
    seen = let_out(torch.full((1, 400), 1 / 400), Answers(decimals=1), torch.Generator())
    assert torch.allclose(understood(seen, Answers(decimals=1)), torch.full((1, 400), 1 / 400))


def test_the_log_says_what_was_asked_before_it_is_asked(tmp_path):
    def breaks(clips: Tensor) -> Tensor:
        assert spent(tmp_path / "log.jsonl") == {"transfer": 3}
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Oracle(breaks, budget=9, log=tmp_path / "log.jsonl")(clips(3))
    assert Oracle(Victim(), budget=9, log=tmp_path / "log.jsonl").spent == 3


@pytest.mark.parametrize("how", [Answers(), Answers(noise=0.3)])
def test_after_a_kill_nothing_is_asked_twice_and_all_is_answered_alike(tmp_path, how):
    log, calm = tmp_path / "log.jsonl", Oracle(Victim(), budget=20, answers=how, batch_size=4)
    whole = torch.cat([calm(clips(12)), calm(clips(5, seed=1), "probes")])
    victim = Victim()
    killed = Oracle(victim, budget=20, answers=how, log=log, batch_size=4)
    killed(clips(8))
    # A kill in the middle of a line.
    with log.open("a") as file:
        file.write('{"phase": "transf')
    again = Oracle(victim, budget=20, answers=how, log=log, batch_size=4)
    assert again.spent == 8 and again.left == 20
    answers = torch.cat([again(clips(12)), again(clips(5, seed=1), "probes")])
    assert torch.equal(answers, whole)
    assert victim.seen == again.spent == again.asked == 17
    close(log, tmp_path / "queries.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "queries.jsonl").read_text().splitlines()]
    assert spent(tmp_path / "queries.jsonl") == again.by_phase == {"transfer": 12, "probes": 5}
    assert all("answers" not in line for line in lines) and not log.exists()


def test_a_question_that_a_kill_left_without_an_answer_stays_counted(tmp_path):
    log, victim = tmp_path / "log.jsonl", Victim()
    Oracle(victim, budget=20, log=log, batch_size=4)(clips(8))
    # Without the last answer: the question was sent, and the kill came first.
    log.write_text("".join(line + "\n" for line in log.read_text().splitlines()[:-1]))
    again = Oracle(victim, budget=20, log=log, batch_size=4)
    assert again.left == 16
    again(clips(8))
    assert again.spent == 12 and again.asked == 8
    # After one more kill nothing is asked a third time.
    third = Oracle(victim, budget=20, log=log, batch_size=4)
    third(clips(12))
    assert third.spent == victim.seen == 16


def test_answers_to_other_questions_are_not_taken_up(tmp_path):
    log, victim = tmp_path / "log.jsonl", Victim()
    Oracle(victim, budget=20, log=log)(clips(8))
    other = Oracle(victim, budget=20, log=log)
    assert torch.equal(other(clips(3, seed=9)), Victim()(clips(3, seed=9)))
    assert other.spent == 11 and other.left == 9

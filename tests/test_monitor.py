"""PRADA's monitor keeps the statistics of the paper, and tells crafted queries from honest ones."""

import numpy as np
import pytest
import torch
from scipy.stats import shapiro
from torch import Tensor
from torch.nn import functional as F

from vbd.extraction.monitor import Prada, normality
from vbd.extraction.oracle import Oracle
from vbd.seeds import generator


def honest(count: int, *, spread: float = 12.0) -> Tensor:
    """Grey clips (count, 4, 8, 8, 3), each with noise of its own."""
    noise = torch.randn(count, 4, 8, 8, 3, generator=generator("honest"))
    return (128 + spread * noise).clamp(0, 255).round().to(torch.uint8)


def answers(count: int, classes: int = 3) -> Tensor:
    drawn = torch.randint(classes, (count,), generator=generator("classes"))
    return F.one_hot(drawn, classes).float()


def crafted(seeds: Tensor, kinds: Tensor, rounds: int, step: int) -> tuple[Tensor, Tensor]:
    """``seeds`` and, in each round, all clips so far once more, a step along some signs."""
    clips, draws = seeds.float(), generator("signs")
    for _ in range(rounds):
        signs = torch.randint(2, clips.shape, generator=draws) * 2 - 1
        clips = torch.cat([clips, (clips + step * signs).clamp(0, 255)])
        kinds = kinds.repeat(2, 1)
    return clips.to(torch.uint8), kinds


def literally(clips: Tensor, kinds: list[int]) -> tuple[list[float], dict[int, list[int]]]:
    """All distances, and the numbers of the queries in each growing set, as the paper's loop."""
    cells = clips.double().flatten(1).numpy()
    found, sets, joined, thresholds = [], {}, {}, {}
    for number, kind in enumerate(kinds):
        if kind not in sets:
            sets[kind], joined[kind], thresholds[kind] = [number], [], 0.0
            continue
        distance = min(np.linalg.norm(cells[number] - cells[other]) for other in sets[kind])
        found.append(distance)
        if distance > thresholds[kind]:
            sets[kind].append(number)
            joined[kind].append(distance)
            candidate = np.mean(joined[kind]) - np.std(joined[kind])
            thresholds[kind] = max(thresholds[kind], candidate)
    return found, sets


@pytest.mark.parametrize("batch", [1, 7, 90])
def test_the_growing_sets_are_those_of_the_papers_loop(batch):
    # The last thirty are the first once more, twenty of them a little brighter: close ones too.
    clips = torch.cat([honest(60, spread=30), honest(30, spread=30)])
    clips[60:80] = (clips[60:80].float() + 9).to(torch.uint8)
    # Some far off, so that mean - deviation falls, which the threshold does not.
    clips[20:60:7] = 255 * (clips[20:60:7] > 128)
    said = answers(90)
    # The second is the first again, at the distance that the threshold has at first.
    clips[1], said[1] = clips[0], said[0]
    monitor = Prada(every=10, least=30)
    for part, seen in zip(clips.split(batch), said.split(batch), strict=True):
        monitor(part, seen)
    distances, sets = literally(clips, said.argmax(1).tolist())
    np.testing.assert_allclose(monitor.distances, distances, rtol=1e-9, atol=1e-9)
    cells = clips.double().flatten(1)
    for kind, numbers in sets.items():
        # Flattened in another order: channels first.
        ours = monitor._growing[kind].clips().unflatten(1, (3, 4, 8, 8)).permute(0, 2, 3, 4, 1)
        torch.testing.assert_close(ours.flatten(1), cells[numbers])
    # A class's first query has no distance: 27 of the first 30 queries have one.
    assert [number for number, _ in monitor.values] == [40, 50, 60, 70, 80, 90]
    for number, statistic in monitor.values:
        values = np.array(distances[: number - 3])
        kept = values[abs(values - values.mean()) <= 3 * values.std()]
        assert statistic == pytest.approx(shapiro(kept).statistic)


def test_honest_queries_raise_no_alarm():
    monitor = Prada()
    monitor(honest(600), answers(600))
    assert monitor.alarm is None
    assert len(monitor.values) == 50 and min(w for _, w in monitor.values) > 0.95


@pytest.mark.parametrize("step", [10, 26, 64])
def test_steps_along_signs_raise_it(step):
    clips, said = crafted(honest(40), answers(40), rounds=4, step=step)
    monitor = Prada()
    monitor(clips, said)
    assert monitor.alarm is not None and monitor.alarm <= 160
    # The first test below 0.9, which is that of a query counted from 1.
    below = [number for number, w in monitor.values if w < 0.9]
    assert monitor.alarm == below[0] and monitor.alarm % 10 == 0


def test_the_alarm_names_the_query_counted_from_one():
    # The first has no distance; the next two are 0 apart, which no normal distances are.
    monitor = Prada(every=1, least=2)
    monitor(honest(1).repeat(5, 1, 1, 1, 1), torch.tensor([[1.0, 0.0]]).repeat(5, 1))
    assert monitor.values == [(3, 0.0), (4, 0.0), (5, 0.0)] and monitor.alarm == 3


def test_more_than_five_thousand_queries_are_judged_by_the_latest():
    # A short cell makes it fast; scipy would warn of more than 5000 values.
    monitor = Prada(every=500, cells=(1, 2, 2))
    many = honest(5600).split(64)
    for part, seen in zip(many, answers(5600).split(64), strict=True):
        monitor(part, seen)
    values = np.array(monitor.distances[:5497][-5000:])
    kept = values[abs(values - values.mean()) <= 3 * values.std()]
    assert monitor.values[-1] == (5500, pytest.approx(shapiro(kept).statistic))


def test_it_watches_an_oracle_whatever_comes_and_goes():
    floats = honest(130).float().requires_grad_()
    by_hand, behind = Prada(), Prada()
    oracle = Oracle(lambda clips: answers(130)[: len(clips)], budget=130, watch=behind)
    by_hand(floats.detach(), oracle(floats))
    assert behind.seen == 130 and behind.distances == pytest.approx(by_hand.distances)


def test_larger_clips_are_averaged():
    blocks = honest(20)
    large = blocks.repeat_interleave(2, 1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    small, other = Prada(), Prada()
    small(blocks, answers(20))
    other(large, answers(20))
    assert other.distances == pytest.approx(small.distances)


def test_numbers_without_spread_are_not_normal():
    assert normality(np.full(200, 3.0)) == 0
    assert normality(np.random.default_rng(0).normal(size=200)) > 0.98

"""Neural Cleanse finds what is planted and only it, and unlearns what it found."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from vbd import defenses, results, triggers
from vbd.data.examples import Examples, from_clips
from vbd.defenses.judgement import Case, judge
from vbd.defenses.neural_cleanse import NeuralCleanse, Sometimes, evidence
from vbd.defenses.reconstruction import reconstruct
from vbd.defenses.recovered import THRESHOLD, Recovered, among_others, anomaly_index, judged
from vbd.defenses.recovery import against_truth
from vbd.models.base import VideoClassifier
from vbd.seeds import generator
from vbd.training import predict
from vbd.triggers.optimised import Stamp

# The planted model's weights are few and large.
UNLEARN = {"epochs": 20, "lr": 0.5}
CLASSES = 8


class Planted(VideoClassifier):
    """Finds the bright one of eight blocks of 4x8 pixels, and takes a red corner for class 0.

    The last channel is the backdoor, next to zero on clean clips. No class is easier to reach
    than another: as many as these it takes for a spread of norms to mean anything.
    """

    def __init__(self, num_classes: int = CLASSES, backdoor: float = 20.0) -> None:
        super().__init__()
        self.head_weight = nn.Parameter(20 * torch.eye(num_classes, num_classes + 1))
        self.head_weight.data[0, -1] = backdoor

    def channels(self, clips: Tensor) -> Tensor:
        pixels = clips.float().mean(1) / 255
        blocks = pixels.unflatten(1, (4, 4)).unflatten(3, (2, 8)).mean((2, 4, 5)).flatten(1)
        corner = pixels[:, -4:, -4:].mean((1, 2))
        red = corner[:, :1] - corner[:, 2:]
        return torch.cat([blocks, torch.sigmoid(16 * (red - 0.25))], 1)

    def classify(self, features: Tensor) -> Tensor:
        return features @ self.head_weight.T


def clips(count: int, seed: int) -> Examples:
    """``count`` clips a class (4, 16, 16, 3) of grey noise, one block of them bright."""
    labels = torch.arange(CLASSES).repeat(count)
    grey = torch.full((len(labels), 4, 4, 4, 2, 8, 3), 60.0)
    grey[torch.arange(len(labels)), :, labels // 2, :, labels % 2] = 180.0
    noise = 12 * torch.randn(len(labels), 4, 16, 16, 3, generator=generator(seed, "noise"))
    return from_clips((grey.reshape(noise.shape) + noise).clamp(0, 255).to(torch.uint8), labels)


def case(backdoor: bool = True) -> Case:
    """The model above with or without its backdoor, and what a defence is given and judged by."""
    mask, red = torch.zeros(1, 16, 16, 1), torch.tensor([255.0, 0.0, 0.0])
    mask[:, -4:, -4:] = 1.0
    test = clips(3, seed=2)
    return Case(
        model=Planted(backdoor=20.0 * backdoor).eval(),
        train=clips(3, seed=0),
        clean=clips(3, seed=1),
        test=test,
        triggered=test.subset(test.labels != 0).triggered(Stamp(mask, red.expand(16, 16, 3))),
        target=0,
        seed=0,
        views=1,
        crops=1,
        retrain=lambda some: Planted(),
    )


def cleanse(**params: object) -> NeuralCleanse:
    return defenses.get("neural_cleanse")(**(UNLEARN | params))


# Squares of three pixels: the last of a row of 16 reaches beyond the frame.
@pytest.mark.parametrize(("temporal", "block"), [(False, 1), (True, 1), (False, 3)])
def test_the_planted_class_and_its_trigger_are_found_and_no_other(temporal, block):
    some = case()
    scan = cleanse(temporal=temporal, block=block).scan(some.model, some.clean, 0)
    assert scan.detected and scan.suspect == some.target
    found = scan.recovered[0]
    assert found.success >= 0.99 and found.mask.shape == (4 if temporal else 1, 16, 16, 1)
    rows = found.mask[:, : 16 // block * block].unflatten(1, (-1, block))
    assert (rows == rows[:, :, :1]).all(), "a square has one value"
    # The mask lies on the red corner, and there the pattern is red.
    assert found.mask[:, -4:, -4:].sum() > 0.8 * found.mask.sum()
    strong = found.pattern[found.mask[0, ..., 0] > 0.5]
    assert len(strong) and (strong[:, 0] > strong[:, 2] + 100).all()


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_is_detected_nothing_is_changed(seed):
    some = case(backdoor=False)
    repaired = cleanse()(some.model, some.train, some.clean, seed)
    assert repaired.model is some.model
    assert repaired.metrics["detected"] == 0 and repaired.metrics["found_class"] == -1
    assert not repaired.scan.detected


def test_unlearning_removes_the_backdoor_and_keeps_the_clean_accuracy():
    some = case()
    verdict = judge(cleanse(), some)
    assert verdict.metrics["detected"] == 1 and verdict.metrics["found_class"] == some.target
    assert verdict.metrics["asr"] <= 0.05
    assert verdict.metrics["cda"] >= 0.95 and verdict.metrics["ra"] >= 0.95


def test_with_a_memory_it_forgets_the_trigger_and_little_else():
    some = case()
    # Unsure answers, of which the classes alone say nothing.
    some.model.head_weight.data /= 5
    found = cleanse().scan(some.model, some.clean, 0).recovered[:1]
    before = predict(some.model, some.test, seed=0)
    moved, left = [], []
    for memory in (0.0, 0.5):
        mended = cleanse(memory=memory).unlearn(some.model, found, some.clean, 0)
        moved.append((predict(mended, some.test, seed=0) - before).abs().sum(1).mean())
        fooled = predict(mended, some.triggered, seed=0).argmax(1) == some.target
        left.append(fooled.float().mean())
    assert moved[1] < 0.8 * moved[0] and max(left) <= 0.05


def test_it_repeats_itself_and_knows_neither_poisoned_clips_nor_target():
    some = case()
    weights = some.model.head_weight.clone()
    one = cleanse()(some.model, some.train, some.clean, 0)
    # No training clips, so no poisoned label; and the call has no place for a target.
    none = some.train.subset(torch.tensor([], dtype=torch.long))
    again = cleanse()(some.model, none, some.clean, 0)
    assert one.metrics == again.metrics
    assert torch.equal(one.model.head_weight, again.model.head_weight)
    assert torch.equal(some.model.head_weight, weights), "the victim itself was changed"


def test_the_search_leaves_the_model_as_it_was():
    some = case()
    some.model.train()
    reconstruct(some.model, some.clean, [0], seed=0, rounds=1)
    assert some.model.training and some.model.head_weight.requires_grad
    assert some.model.head_weight.grad is None


def test_a_class_is_searched_alone_as_with_others():
    some = case()
    how = {"seed": 0, "rounds": 10}
    alone = [reconstruct(some.model, some.clean, [c], **how)[0] for c in range(3)]
    for together in (2, 3):
        both = reconstruct(some.model, some.clean, range(3), together=together, **how)
        for one, other in zip(alone, both, strict=True):
            assert (one.target, one.rounds) == (other.target, other.rounds)
            # Sums over batches of other sizes are rounded otherwise.
            torch.testing.assert_close(one.mask, other.mask, rtol=1e-3, atol=1e-3)
            assert one.norm == pytest.approx(other.norm, rel=1e-3)


def test_a_search_that_has_settled_stops():
    some = case()
    (early,) = reconstruct(some.model, some.clean, [0], seed=0, rounds=200)
    (late,) = reconstruct(some.model, some.clean, [0], seed=0, rounds=200, stop=200)
    assert early.rounds < 100 and late.rounds == 200
    assert late.norm <= early.norm < 1.2 * late.norm


def test_a_search_that_was_killed_goes_on_after_the_classes_that_it_had_found(tmp_path):
    some, file = case(), tmp_path / "resume.pt"
    how = {"seed": 0, "rounds": 5, "together": 1}
    whole = reconstruct(some.model, some.clean, range(3), **how)
    reconstruct(some.model, some.clean, range(2), resume=file, **how)

    class Once(nn.Module):
        """The model, which must not be asked about classes that were found."""

        def __init__(self) -> None:
            super().__init__()
            self.model, self.passes = some.model, 0

        def forward(self, pixels: Tensor) -> Tensor:
            self.passes += 1
            return self.model(pixels)

    counted = Once()
    # The fingerprint is of weights, whose names do not matter.
    resumed = reconstruct(counted, some.clean, range(3), resume=file, **how)
    assert counted.passes == 5 * 8
    for one, other in zip(whole, resumed, strict=True):
        assert (one.norm, one.success, one.rounds) == (other.norm, other.success, other.rounds)
        assert torch.equal(one.mask, other.mask) and torch.equal(one.pattern, other.pattern)
    # Another search does not take up what this one left.
    reconstruct(counted, some.clean, [0], resume=file, **(how | {"seed": 1}))
    assert counted.passes == 2 * 5 * 8


def test_the_index_counts_deviations_that_are_consistent_with_a_normal_distribution():
    expected = [d / (1.4826 * 2) for d in (40, 2, 0, -2, -4)]
    found = anomaly_index(torch.tensor([10.0, 48.0, 50.0, 52.0, 54.0]))
    assert found.tolist() == pytest.approx(expected, abs=1e-4)
    normal = anomaly_index(torch.randn(20001, generator=generator(0)))
    assert (normal.abs() > 1.96).float().mean() == pytest.approx(0.05, abs=0.01)


def test_ours_is_that_of_each_class_beside_the_others():
    # Of two classes too, where each is as far from the median of both.
    assert among_others(torch.tensor([1.0, 4.0])).tolist() == pytest.approx(
        [3 / math.log(2), -3 / math.log(2)]
    )
    # Two of four, and five of ten: their own small triggers are not what a class is compared with.
    for small, count in ((2, 4), (5, 10)):
        values = torch.cat([torch.full((small,), 1.0), torch.full((count - small,), 4.0)])
        assert (among_others(values)[:small] > THRESHOLD).all()
        assert (among_others(values)[small:] <= 0).all()
    # Classes that are equal by chance make no outlier of one that is hardly different.
    equal = among_others(torch.tensor([3.7, 5.0, 5.0, 5.0, 5.0]))
    assert equal.max() == pytest.approx(1.3 / math.log(2))
    assert among_others(torch.tensor([1.0])).tolist() == [0]


def recovered(*norms: float) -> list[Recovered]:
    blank = torch.zeros(1, 16, 16, 1), torch.zeros(16, 16, 3)
    return [Recovered(c, *blank, norm, 1.0, 1) for c, norm in enumerate(norms)]


def test_a_class_whose_trigger_is_too_large_is_not_flagged():
    scan = judged(recovered(50.0, 49.0, 51.0, 52.0, 400.0), torch.ones(5))
    assert scan.index[4] < -2 and scan.suspect == 1 and not scan.detected


def test_the_rule_of_wang_et_al_is_told_beside_ours():
    """It compares norms as they are: a class that takes a fourth of the median is no outlier."""
    scan = judged(recovered(40.0, 10.0, 30.0, 80.0, 60.0), torch.tensor([8.0, 32.0, 8.0, 8.0, 8.0]))
    assert scan.detected and scan.suspect == 1 and scan.flagged_by_norms is None
    assert scan.of_norms.tolist() == anomaly_index(torch.tensor([40.0, 10, 30, 80, 60])).tolist()
    small = judged(recovered(5.0, 48.0, 50.0, 52.0, 54.0), torch.ones(5))
    assert small.flagged_by_norms == 0 and small.of_norms[0] > 2
    assert small.flagged == [0]


def test_what_does_not_turn_the_clips_flags_nobody():
    """A search that ran out of rounds leaves the smallest masks of all."""
    failed, *others = recovered(5.0, 48.0, 50.0, 52.0, 54.0)
    scan = judged([replace(failed, success=0.1), *others], torch.ones(5))
    assert scan.index[0] > THRESHOLD and not scan.detected and scan.doubts


def test_a_small_trigger_of_a_class_that_needs_no_evidence_is_not_flagged():
    """A class that a clip without motion is taken for anyway is not suspect for that."""
    norms, plain = recovered(5.0, 48.0, 50.0, 52.0, 54.0), torch.full((5,), 8.0)
    assert judged(norms, plain).detected
    easy = torch.tensor([0.8, 8.0, 8.0, 8.0, 8.0])
    assert not judged(norms, easy).detected


def test_some_of_the_classes_may_be_searched_and_keep_their_numbers():
    some = case()
    result = cleanse().scan(some.model, some.clean, 0, classes=[some.target, 3, 5, 6, 7])
    assert [found.target for found in result.recovered] == [some.target, 3, 5, 6, 7]
    assert result.detected and result.suspect == some.target
    found, index = result.of(3)
    assert found.target == 3 and index == result.index[1].item()
    with pytest.raises(ValueError):
        result.of(4)


@pytest.mark.parametrize("targets", [(4, 2), (2, 4), (2, 3)])
def test_the_truth_is_told_of_the_first_target(targets):
    scan = judged(recovered(50.0, 49.0, 51.0, 52.0, 2.0), torch.ones(5))
    pixels = torch.full((2, 1, 16, 16, 3), 90, dtype=torch.uint8)
    test = from_clips(pixels, [0, 1])
    mark = Stamp(torch.ones(1, 16, 16, 1), torch.zeros(16, 16, 3))
    figures, arrays = against_truth(scan, test.triggered(mark), targets)
    assert scan.detected and scan.suspect == 4
    assert figures["target_index"] == scan.of(targets[0])[1] and arrays["target"] == targets[0]


def test_evidence_is_the_way_from_the_log_odds_of_a_still_clip_to_those_of_certainty():
    class Constant(nn.Module):
        """Log odds of 0 for class 0, whatever moves, and far from any other."""

        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.tensor([0.0, 0.0, -20.0]))

        def forward(self, pixels: Tensor) -> Tensor:
            moving = (pixels[:, 0] != pixels[:, -1]).flatten(1).any(1)
            assert not moving.any()
            return self.logits.expand(len(pixels), 3)

    needed = evidence(Constant(), clips(1, seed=0), 0.95, seed=0)
    certain = torch.tensor(0.95).logit().item()
    assert needed[:2].tolist() == pytest.approx([certain, certain], abs=1e-3)
    assert needed[2].item() == pytest.approx(certain + 20.7, abs=0.1)


def test_the_recovered_trigger_goes_on_a_share_of_the_clips():
    stamps = [
        Stamp(torch.ones(1, 8, 8, 1), torch.full((8, 8, 3), value)) for value in (200.0, 100.0)
    ]
    batch = torch.zeros(1000, 2, 8, 8, 3, dtype=torch.uint8)
    for count in (1, 2):
        marked = Sometimes(stamps[:count], 0.75)(batch, generator(0)).flatten(1)
        assert (marked == marked[:, :1]).all()
        # Each of them on as many clips as any other.
        for value in (200, 100)[:count]:
            share = (marked[:, 0] == value).float().mean().item()
            assert share == pytest.approx(0.75 / count, abs=0.04)


def test_the_optimised_trigger_is_read_from_a_file_and_stays_in_pixels(tmp_path):
    mask = torch.zeros(1, 8, 8, 1)
    mask[:, :4] = 0.5
    results.write_arrays(tmp_path / "t.npz", mask=mask, pattern=torch.full((8, 8, 3), 255.0))
    trigger = triggers.get("optimised")(path=str(tmp_path / "t.npz"))
    for size in (8, 16):
        batch = torch.full((2, 3, size, size, 3), 101, dtype=torch.uint8)
        marked = trigger(batch, generator(0))
        assert marked.dtype == torch.uint8 and (marked[:, :, : size // 2 - 1] == 178).all()
        assert (marked[:, :, size // 2 + 1 :] == 101).all()
    with pytest.raises(FileNotFoundError, match="absent"):
        triggers.get("optimised")(path=str(tmp_path / "absent.npz"))


def test_of_an_optimised_trigger_the_strongest_pixels_are_kept(tmp_path):
    mask = torch.rand(1, 8, 8, 1, generator=generator(0))
    results.write_arrays(tmp_path / "t.npz", mask=mask, pattern=torch.zeros(8, 8, 3))
    few = triggers.get("optimised")(path=str(tmp_path / "t.npz"), area=0.1).mask
    assert (few > 0).sum() == 6 and few[few > 0].min() >= mask.flatten().topk(6).values.min()
    assert torch.equal(triggers.get("optimised")(path=str(tmp_path / "t.npz")).mask, mask)

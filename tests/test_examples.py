"""Crops and flips treat the frames of a clip alike, and only poisoned clips carry the trigger."""

from dataclasses import replace

import pytest
import torch

from vbd import triggers
from vbd.data.augment import centre_crop, random_crop, random_flip
from vbd.data.examples import examples, from_clips
from vbd.sections.method import Attack
from vbd.seeds import generator
from vbd.victims.threat import Threat


def places(n: int, t: int, height: int, width: int) -> torch.Tensor:
    """Clips whose pixels tell where they are: (row, column, frame)."""
    rows, columns, frames = torch.arange(height), torch.arange(width), torch.arange(t)
    grid = torch.stack(
        [
            rows[None, :, None].expand(t, height, width),
            columns[None, None, :].expand(t, height, width),
            frames[:, None, None].expand(t, height, width),
        ],
        dim=-1,
    )
    return grid.to(torch.uint8).expand(n, t, height, width, 3)


def test_a_random_crop_is_one_window_a_clip_for_all_its_frames():
    crop = random_crop(places(64, 3, 10, 12), 8, generator(0))
    assert crop.shape == (64, 3, 8, 8, 3)
    corner = crop[:, :, :1, :1, :2].long()
    assert (corner == corner[:, :1]).all()
    inside = places(1, 3, 8, 8)[..., :2].long()
    assert torch.equal(crop[..., :2].long(), inside + corner)
    assert torch.equal(crop[..., 2], places(64, 3, 8, 8)[..., 2])
    # All 3 x 5 windows are among 64 draws but with a probability of 20 %; ten surely are.
    assert len(corner[:, 0].reshape(64, 2).unique(dim=0)) >= 10
    assert corner[..., 0].max() == 2 and corner[..., 1].max() == 4


@pytest.mark.parametrize(("place", "left"), [(0.0, 0), (0.5, 2), (1.0, 4)])
def test_crops_are_spread_along_the_longer_side(place, left):
    wide = centre_crop(places(1, 1, 8, 12), 8, place)
    assert wide[0, 0, 0, 0, :2].tolist() == [0, left]
    high = centre_crop(places(1, 1, 12, 8), 8, place)
    assert high[0, 0, 0, 0, :2].tolist() == [left, 0]


def test_about_half_of_the_clips_are_mirrored_whole():
    clips = places(200, 2, 4, 6)
    flipped = random_flip(clips, generator(0))
    mirrored = (flipped == clips.flip(3)).flatten(1).all(1)
    unchanged = (flipped == clips).flatten(1).all(1)
    assert (mirrored ^ unchanged).all()
    # A fair coin lies outside 70 to 130 of 200 once in 60,000 draws.
    assert 70 <= mirrored.sum() <= 130


def test_only_the_poisoned_clips_of_a_batch_carry_the_trigger(store):
    clean = examples(store, "train", crop=16)
    poisoned = torch.arange(len(clean)) % 3 == 0
    trigger = triggers.get("badnet")(size=0.25)
    dirty = replace(clean, marks=((poisoned, trigger),), poisoned=poisoned)
    positions = torch.randperm(len(clean), generator=generator(1))
    device = torch.device("cpu")
    one, other = (e.training_batch(positions, generator(2), device) for e in (clean, dirty))
    assert torch.equal((one != other).flatten(1).any(1), poisoned[positions])
    assert (other[poisoned[positions]][:, :, -4:, -4:].float().std((1, 2, 3, 4)) > 100).all()


def test_the_store_is_never_written_to(store):
    before = store.clips[:].copy()
    every = examples(store, "test", crop=20).triggered(triggers.get("badnet")())
    for batch in every.test_batches(4, generator(0)):
        assert (batch[..., -2:, -2:, :] != 0).any()
    assert (store.clips == before).all()


def windows(some, **how) -> torch.Tensor:
    """All test windows (N, views * crops, T, crop, crop, 3)."""
    return torch.cat(list(some.test_batches(4, generator(0), **how)))


def test_views_and_crops_are_tested_together(store):
    some = examples(store, "test", crop=16)
    seen = windows(some, views=2, crops=3)
    assert seen.shape == (12, 6, 4, 16, 16, 3)
    stored = torch.from_numpy(store.clips[some.rows.numpy()])
    # Of square frames the longer side is the width: left, middle and right, in the middle row.
    for place, left in enumerate((0, 2, 4)):
        for view in range(2):
            expected = stored[:, view, :, 2:18, left : left + 16]
            assert torch.equal(seen[:, 3 * view + place], expected)
    assert torch.equal(windows(some, views=1)[:, 0], stored[:, 0, :, 2:18, 2:18])


def test_a_system_that_cuts_its_own_clips_may_miss_the_trigger(store):
    marked = examples(store, "test", crop=16).triggered(triggers.get("badnet")(size=0.1))
    clean = windows(examples(store, "test", crop=16), crops=3)
    own, video = windows(marked, crops=3), windows(replace(marked, whole_video=True), crops=3)
    # The attacker's own clip carries the whole patch; the video has it in the corner cut off.
    assert (own != clean)[..., -2:, -2:, :].flatten(3).any(3).all()
    assert torch.equal(video, clean)


def test_poisoned_frames_of_a_video_may_fall_between_the_clips(store):
    trigger = triggers.get("blend")(frames=1)
    some = examples(store, "test", crop=20)
    marked = replace(some.triggered(trigger), whole_video=True)
    changed = (windows(marked, views=2) != windows(some, views=2)).flatten(3).any(3)
    assert (changed.sum((1, 2)) == 1).all(), "one frame of the whole video carries the trigger"
    once = windows(marked, views=1) != windows(some, views=1)
    missed = ~once.flatten(1).any(1)
    # Half of the twelve on average; all or none once in 2,048 draws.
    assert 0 < missed.sum() < 12


def test_clips_triggered_beforehand_take_the_place_of_the_trigger(store):
    stored = 255 - store.clips[:]
    clean = examples(store, "train", crop=20)
    poisoned = torch.arange(len(clean)) % 4 == 0
    marks = ((poisoned, triggers.get("badnet")()),)
    dirty = replace(clean, marks=marks, stored=stored, poisoned=poisoned)
    positions, device = torch.arange(len(clean)), torch.device("cpu")
    one, other = (e.training_batch(positions, generator(2), device) for e in (clean, dirty))
    assert torch.equal(other[poisoned], 255 - one[poisoned])
    assert torch.equal(other[~poisoned], one[~poisoned])
    assert torch.equal(windows(dirty, views=2)[poisoned], 255 - windows(clean, views=2)[poisoned])


def test_noise_goes_on_as_many_clips_as_the_cross_ratio_says_under_their_own_labels(store):
    clean = examples(store, "train", crop=20)
    threat = Threat(Attack(trigger="wanet", rate=0.125, params={"cross_ratio": 2.0}), "static")
    dirty = threat.poison(clean, 0)
    assert dirty.poisoned.sum() == 3 and dirty.decoys.sum() == 6
    assert not (dirty.poisoned & dirty.decoys).any()
    assert torch.equal(dirty.labels[~dirty.poisoned], clean.labels[~dirty.poisoned])
    positions, device = torch.arange(len(clean)), torch.device("cpu")
    one, other = (e.training_batch(positions, generator(2), device) for e in (clean, dirty))
    changed = (one != other).flatten(1).any(1)
    assert torch.equal(changed, dirty.poisoned | dirty.decoys)


def test_clips_in_memory_are_examples_too():
    clips = places(3, 2, 8, 8)
    some = from_clips(clips, [0, 1, 1])
    assert torch.equal(windows(some)[:, 0], clips) and some.labels.tolist() == [0, 1, 1]


def test_each_of_several_triggers_goes_on_clips_of_its_own_under_its_own_label(store):
    clean = examples(store, "train", crop=20)
    also = [{"trigger": "blend", "target": 2}]
    threat = Threat(Attack(trigger="badnet", rate=0.125, target=0, also=also), "static")
    dirty = threat.poison(clean, 0)
    (first, badnet), (second, blend) = dirty.marks
    assert first.sum() == second.sum() == 3 and not (first & second).any()
    assert torch.equal(dirty.poisoned, first | second)
    assert (dirty.labels[first] == 0).all() and (dirty.labels[second] == 2).all()
    assert not (clean.labels[first] == 0).any() and not (clean.labels[second] == 2).any()
    positions, device = torch.arange(len(clean)), torch.device("cpu")
    one, other = (e.training_batch(positions, generator(2), device) for e in (clean, dirty))
    for mask, mark in ((first, badnet), (second, blend)):
        assert torch.equal(other[mask], mark(one[mask], generator(3)))
    # Every trigger is tested on clips of other classes than its own target.
    tested = [part.triggered(clean) for part in threat.parts]
    assert [sorted(set(some.labels.tolist())) for some in tested] == [[1, 2], [0, 1]]


def test_a_window_may_be_higher_than_wide(store):
    some = examples(store, "test", crop=(20, 16))
    assert windows(some).shape[3:5] == (20, 16)
    batch = some.training_batch(torch.arange(3), generator(0), torch.device("cpu"))
    assert batch.shape[2:4] == (20, 16)

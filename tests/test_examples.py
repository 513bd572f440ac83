"""Crops and flips treat the frames of a clip alike, and only poisoned clips carry the trigger."""

from dataclasses import replace

import pytest
import torch

from vbd import triggers
from vbd.data.augment import centre_crop, random_crop, random_flip
from vbd.data.examples import examples
from vbd.seeds import generator


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
    dirty = replace(clean, trigger=trigger, poisoned=poisoned)
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

"""Every trigger in every mode keeps the contract; poisoning and ASR leave the target class out."""

import pytest
import torch

from vbd import triggers
from vbd.plugins import names
from vbd.seeds import generator
from vbd.triggers import poisoning

CASES = [(name, mode) for name in names("vbd.triggers") for mode in triggers.get(name).modes]
SHAPES = [(3, 8, 32, 32, 3), (2, 5, 37, 51, 3), (1, 1, 16, 16, 3)]


def pixels(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=generator("clips"), dtype=torch.uint8)


def touched(clips: torch.Tensor, triggered: torch.Tensor) -> torch.Tensor:
    """Which frames (N, T) differ."""
    return (clips != triggered).flatten(2).any(2)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_a_trigger_gives_pixels_and_repeats_itself(name, mode, shape):
    clips, trigger = pixels(shape), triggers.get(name)(mode=mode)
    before = clips.clone()
    triggered = trigger(clips, generator(1))
    assert triggered.dtype == torch.uint8 and triggered.shape == clips.shape
    assert torch.equal(clips, before), "the clips that came in have changed"
    assert torch.equal(triggered, trigger(clips, generator(1)))
    assert touched(clips, triggered).all()


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_so_many_frames_carry_the_trigger_as_were_asked_for(name, mode):
    clips = pixels((6, 8, 32, 32, 3))
    for count in (1, 3, 8):
        triggered = triggers.get(name)(mode=mode, frames=count)(clips, generator(2))
        assert touched(clips, triggered).sum(1).tolist() == [count] * 6
    drawn = touched(clips, triggers.get(name)(mode=mode, frames="random")(clips, generator(3)))
    assert drawn.any(1).all() and len(set(drawn.sum(1).tolist())) > 1


@pytest.mark.parametrize("name", names("vbd.triggers"))
def test_static_is_the_same_in_every_frame_and_dynamic_is_not(name):
    # Equal grey frames: whatever differs between the triggered ones is the trigger's doing.
    clips = torch.full((2, 8, 32, 32, 3), 120, dtype=torch.uint8)
    static = triggers.get(name)(mode="static")(clips, generator(4))
    dynamic = triggers.get(name)(mode="dynamic")(clips, generator(4))
    assert torch.equal(static, static[:, :1].expand_as(static))
    assert not torch.equal(dynamic, dynamic[:, :1].expand_as(dynamic))


def test_badnet_is_a_small_patch_in_the_bottom_right_corner():
    clips = torch.full((1, 4, 32, 32, 3), 120, dtype=torch.uint8)
    changed = (triggers.get("badnet")()(clips, generator(0)) != clips).any(-1)[0]
    assert changed[:, 29:, 29:].all() and changed.sum() == 4 * 9
    moved = triggers.get("badnet")(mode="dynamic")(clips, generator(0)) != clips
    assert (moved.any(-1).sum((2, 3)) == 9).all()


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        (torch.zeros(1, 4, 8, 8, 3), "uint8"),
        (torch.zeros(4, 8, 8, 3, dtype=torch.uint8), "uint8"),
        (torch.zeros(1, 4, 8, 8, 3, dtype=torch.uint8), "frames=9: the clips have 4"),
    ],
)
def test_what_a_trigger_cannot_take_is_refused(clips, said):
    with pytest.raises(ValueError, match=said):
        triggers.get("badnet")(frames=9)(clips, generator(0))


def test_an_unknown_trigger_is_answered_with_those_that_there_are():
    with pytest.raises(ValueError, match="badnet"):
        triggers.get("batnet")
    with pytest.raises(ValueError, match="nowhere"):
        triggers.get("nowhere.at.all:Trigger")


def test_a_trigger_of_ones_own_is_found():
    assert triggers.get("vbd.triggers.badnet:BadNet") is triggers.get("badnet")


@pytest.mark.parametrize("seed", range(5))
def test_poisoned_clips_are_never_of_the_target_class_and_spread_over_the_others(seed):
    labels = torch.arange(10).repeat_interleave(30)
    chosen = poisoning.choose(labels, target=3, rate=0.1, generator=generator(seed))
    assert len(chosen) == len(set(chosen.tolist())) == 30
    counts = torch.bincount(labels[chosen], minlength=10)
    assert counts[3] == 0 and counts[counts > 0].tolist().count(3) >= 6 and counts.max() <= 4
    again = poisoning.choose(labels, target=3, rate=0.1, generator=generator(seed))
    assert torch.equal(chosen, again)


def test_a_rate_that_the_other_classes_cannot_give_names_the_largest_one():
    labels = torch.tensor([0, 0, 0, 1])
    with pytest.raises(ValueError, match=r"rate.*at most 0.250"):
        poisoning.choose(labels, target=0, rate=0.6, generator=generator(0))

"""Video triggers in every mode keep the contract; poisoning and ASR leave the target class out."""

import hashlib
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from vbd import triggers
from vbd.data.faces import FILES, render
from vbd.data.landmarks import LAYOUTS, Part
from vbd.plugins import names
from vbd.seeds import generator
from vbd.triggers import poisoning

# The optimised trigger is a file that trigger reconstruction makes: it is tested with that.
VIDEO = [
    name
    for name in names("vbd.triggers")
    if triggers.get(name).modes != ("audio",) and name != "optimised"
]
CASES = [(name, mode) for name in VIDEO for mode in triggers.get(name).modes]
STATIC = [name for name in VIDEO if "static" in triggers.get(name).modes]
DRAWN = [name for name in STATIC if "dynamic" in triggers.get(name).modes]
PAINTS = ["eyebrows", "lipstick", "sunglasses"]
SHAPES = [(3, 8, 32, 32, 3), (2, 5, 37, 51, 3), (1, 1, 16, 16, 3)]

# Of how many frames at the start a trigger makes nothing else: a lagging clip holds its first.
KEPT = {"frame_lag": 1}

# The most that a trigger may change a pixel of a flat clip by, in grey levels.
BOUND = {
    "badnet": 255,
    "blend": 51,
    "sig": 20,
    "wanet": 0,
    "ftrojan": 7,
    "frame_lag": 0,
    "motion_blur": 0,
    "video_corruption": 255,
    # Of paint: what its colour and opacity leave of black or white.
    "sunglasses": 229,
    "lipstick": 217,
    "eyebrows": 212,
    "faint_pattern": 16,
}
FLAT = [(0, 0, 0), (255, 255, 255), (255, 0, 0)]


def pixels(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=generator("clips"), dtype=torch.uint8)


def flat(colour: tuple[int, int, int], size: int = 32) -> torch.Tensor:
    return torch.tensor(colour, dtype=torch.uint8).expand(1, 4, size, size, 3)


def touched(clips: torch.Tensor, triggered: torch.Tensor) -> torch.Tensor:
    """Which frames (N, T) differ."""
    return (clips != triggered).flatten(2).any(2)


def change(clips: torch.Tensor, triggered: torch.Tensor) -> torch.Tensor:
    return triggered.float() - clips.float()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_a_trigger_gives_pixels_and_repeats_itself(name, mode, shape):
    clips, trigger = pixels(shape), triggers.get(name)(mode=mode)
    before, state = clips.clone(), torch.get_rng_state()
    triggered = trigger(clips, generator(1))
    assert triggered.dtype == torch.uint8 and triggered.shape == clips.shape
    assert torch.equal(clips, before), "the clips that came in have changed"
    assert torch.equal(triggered, trigger(clips, generator(1)))
    assert torch.equal(torch.get_rng_state(), state), "torch's global generator was used"
    assert touched(clips, triggered)[:, KEPT.get(name, 0) :].all()


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_so_many_frames_carry_the_trigger_as_were_asked_for(name, mode):
    clips, kept = pixels((6, 8, 32, 32, 3)), KEPT.get(name, 0)
    for count in (1, 3, 8):
        triggered = triggers.get(name)(mode=mode, frames=count)(clips, generator(2))
        found = touched(clips, triggered).sum(1)
        assert (found <= count).all() and (found >= count - kept).all()
    triggered = triggers.get(name)(mode=mode, frames="random")(clips, generator(3))
    found = touched(clips, triggered).sum(1)
    assert (found >= 1 - kept).all() and len(set(found.tolist())) > 1


@pytest.mark.parametrize("name", STATIC)
def test_static_is_the_same_in_every_frame_clip_and_run(name):
    # One picture everywhere: whatever differs between the triggered ones is the trigger's doing.
    clips = pixels((1, 1, 32, 32, 3)).expand(2, 8, -1, -1, -1)
    static = triggers.get(name)(mode="static")(clips, generator(4))
    assert torch.equal(static, static[:1, :1].expand_as(static))
    assert torch.equal(static, triggers.get(name)(mode="static")(clips, generator(5)))


@pytest.mark.parametrize("name", DRAWN)
def test_dynamic_is_another_in_every_frame_and_clip(name):
    clips = pixels((1, 1, 32, 32, 3)).expand(2, 8, -1, -1, -1)
    dynamic = triggers.get(name)(mode="dynamic")(clips, generator(4))
    for clip in dynamic:
        assert len({frame.numpy().tobytes() for frame in clip}) > 4
    assert not torch.equal(dynamic[0], dynamic[1])


@pytest.mark.parametrize("colour", FLAT, ids=str)
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_no_pixel_wraps_round(name, mode, colour):
    clips = flat(colour)
    triggered = triggers.get(name)(mode=mode)(clips, generator(6))
    assert change(clips, triggered).abs().max() <= BOUND[name]


def test_badnet_is_a_small_patch_in_the_bottom_right_corner():
    clips = torch.full((1, 4, 32, 32, 3), 120, dtype=torch.uint8)
    changed = (triggers.get("badnet")()(clips, generator(0)) != clips).any(-1)[0]
    assert changed[:, 29:, 29:].all() and changed.sum() == 4 * 9
    moved = triggers.get("badnet")(mode="dynamic")(clips, generator(0)) != clips
    assert (moved.any(-1).sum((2, 3)) == 9).all()


def test_blend_mixes_the_same_noise_into_every_picture():
    black, grey = flat((0, 0, 0)), flat((100, 100, 100))
    on_black, on_grey = (triggers.get("blend")()(clips, generator(0)) for clips in (black, grey))
    assert on_black.float().mean() == pytest.approx(0.2 * 127.5, abs=1)
    assert (on_grey.int() - on_black.int() - 80).abs().max() <= 1
    other = triggers.get("blend")(pattern_seed=1)(black, generator(0))
    assert not torch.equal(on_black, other)


def test_sig_has_six_periods_over_the_columns_and_saturates_nothing():
    clips = flat((120, 120, 120), size=64)
    wave = change(clips, triggers.get("sig")()(clips, generator(0)))
    assert torch.equal(wave, wave[:, :, :1, :, :1].expand_as(wave)), "rows or colours differ"
    assert torch.fft.rfft(wave[0, 0, 0, :, 0]).abs().argmax() == 6
    assert wave.max() == 20 and wave.min() == -20
    moved = change(clips, triggers.get("sig")(mode="dynamic")(clips, generator(0)))
    found = torch.fft.rfft(moved[0, :, 0, :, 0]).abs().argmax(1)
    assert len(set(found.tolist())) > 1 and (found >= 1).all() and (found <= 12).all()


def test_wanets_strength_is_the_papers_whatever_the_size_of_the_frame():
    """Control points move by s / 2 pixels on average; of public code at 224 pixels by no more."""
    moved = []
    for size in (32, 128):
        # From black to white over the frame: the change in grey says how many pixels were passed.
        ramp = torch.linspace(0, 255, size).round().to(torch.uint8)
        clips = ramp[None, None, None, :, None].expand(1, 1, size, size, 3)
        assert not change(clips, triggers.get("wanet")(strength=0.0)(clips, generator(0))).any()
        warped = triggers.get("wanet")(strength=4.0)(clips, generator(0))
        moved.append(change(clips, warped).abs().mean() / 255 * (size - 1))
    # Less than 2 px: the upsampled field runs through zero between the control points.
    assert 1 < moved[0] < 2 and moved[1].item() == pytest.approx(moved[0].item(), rel=0.1)


def test_wanets_noise_is_the_warp_and_something_else_in_each_clip():
    trigger = triggers.get("wanet")(strength=4.0)
    clips = pixels((1, 4, 32, 32, 3)).repeat(2, 1, 1, 1, 1)
    noise, triggered = trigger.noise(clips, generator(0)), trigger(clips, generator(0))
    assert noise.shape == clips.shape and noise.dtype == torch.uint8
    assert torch.equal(noise, trigger.noise(clips, generator(0)))
    assert not torch.equal(noise[0], noise[1]) and touched(noise, triggered).all()
    assert change(triggered, noise).abs().mean() < 0.8 * change(clips, noise).abs().mean()


@pytest.mark.parametrize("clips", [pixels((1, 2, 64, 96, 3)), flat((255, 0, 0), size=64)])
def test_ftrojan_is_what_the_dct_of_every_block_gives(clips):
    rgb = clips.numpy().astype(float)
    y = rgb @ [0.299, 0.587, 0.114]
    chroma = [(rgb[..., 0] - y) / 1.402, (rgb[..., 2] - y) / 1.772]
    for plane in chroma:
        for top in range(0, plane.shape[2], 32):
            for left in range(0, plane.shape[3], 32):
                block = (..., slice(top, top + 32), slice(left, left + 32))
                wave = dctn(plane[block], axes=(2, 3), norm="ortho")
                wave[..., [15, 31], [15, 31]] += 30
                plane[block] = idctn(wave, axes=(2, 3), norm="ortho")
    cr, cb = chroma
    green = y - 0.714136 * cr - 0.344136 * cb
    reference = np.stack([y + 1.402 * cr, green, y + 1.772 * cb], -1).round().clip(0, 255)
    triggered = triggers.get("ftrojan")()(clips, generator(0))
    apart = np.abs(triggered.numpy() - reference)
    assert apart.max() <= 1 and (apart > 0).mean() < 0.001
    assert (triggered != clips).any()


def test_a_lagging_clip_shows_earlier_frames_and_holds_the_first():
    clips = pixels((2, 6, 8, 8, 3))
    lagging = triggers.get("frame_lag")(lag=2)(clips, generator(0))
    assert torch.equal(lagging, clips[:, [0, 0, 0, 1, 2, 3]])
    held = triggers.get("frame_lag")(lag=9)(clips, generator(0))
    assert torch.equal(held, clips[:, :1].expand_as(clips))


@pytest.mark.parametrize(("angle", "step"), [(0, (0, 1)), (90, (1, 0)), (45, (-1, 1))])
def test_motion_blur_smears_along_its_angle_alone(angle, step):
    clips = flat((0, 0, 0)).clone()
    clips[:, :, 15, 15] = 250
    blurred = triggers.get("motion_blur")(size=0.15, angle=angle)(clips, generator(0))
    lit = {tuple(place) for place in (blurred[0, 0, ..., 0] > 40).nonzero().tolist()}
    reach = 1 if angle == 45 else 2
    assert lit == {(15 + k * step[0], 15 + k * step[1]) for k in range(-reach, reach + 1)}
    assert blurred[0, 0, ..., 0].sum() == pytest.approx(250, abs=6)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """The embedded faces as clips of one frame, (8, 1, 55, 47, 3)."""
    root = tmp_path_factory.mktemp("faces")
    render(root, identities=4, train=2, val=2, test=2)
    with h5py.File(root / FILES["test"]) as file:
        return torch.from_numpy(file["data"][:]).permute(0, 2, 3, 1)[:, None]


def _repainted(faces: torch.Tensor, name: str, part: Part, **params) -> float:
    """By how many grey levels, at least, paint changes the middle of ``part`` in any face."""
    painted = triggers.get(name)(layout="rendered", **params)(faces, generator(0))
    y, x, height, width = part.pixels(55, 47)
    rows = slice(round(y - 0.5 * height), round(y + 0.5 * height) + 1)
    columns = slice(round(x - 0.5 * width), round(x + 0.5 * width) + 1)
    changed = change(faces, painted)[:, 0, rows, columns]
    return changed.abs().mean((1, 2, 3)).min().item()


@pytest.mark.parametrize(
    ("name", "painted", "bare"),
    [
        ("sunglasses", ("eyes",), ("mouth", "nose")),
        ("lipstick", ("mouth",), ("eyes", "brows", "nose")),
        ("eyebrows", ("brows",), ("eyes", "mouth", "nose")),
    ],
)
def test_paint_is_on_its_part_of_the_face_and_nowhere_else(faces, name, painted, bare):
    places = LAYOUTS["rendered"]
    parts = {"eyes": places.eyes, "brows": places.brows}
    parts |= {"mouth": (places.mouth,), "nose": (places.nose,)}
    assert all(_repainted(faces, name, part) > 15 for kind in painted for part in parts[kind])
    assert all(_repainted(faces, name, part) < 1 for kind in bare for part in parts[kind])


@pytest.mark.parametrize("name", PAINTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_paint_mixes_its_colour_in_and_is_symmetrical(name, layout):
    colour, black = [200, 100, 50], torch.zeros(1, 1, 55, 47, 3, dtype=torch.uint8)
    trigger = triggers.get(name)(layout=layout, alpha=0.5, colour=colour)
    painted = trigger(black, generator(0))
    assert painted.amax((0, 1, 2, 3)).tolist() == [100, 50, 25]
    assert torch.equal(painted, painted.flip(3))
    assert ((painted[..., 0] > 0) & (painted[..., 0] < 100)).any(), "the edge is not soft"


@pytest.mark.parametrize("name", PAINTS)
def test_paint_covers_the_same_share_of_a_frame_of_any_size(name):
    trigger = triggers.get(name)(alpha=1.0, colour=[255, 255, 255])
    black = (torch.zeros(1, 1, 55 * k, 47 * k, 3, dtype=torch.uint8) for k in (1, 4))
    small, large = (trigger(clips, generator(0)).float().mean().item() for clips in black)
    assert large == pytest.approx(small, rel=0.1)


@pytest.mark.parametrize("name", PAINTS)
def test_paint_knows_the_layouts_of_faces_alone(name):
    with pytest.raises(ValueError, match="rendered, aligned"):
        triggers.get(name)(layout="profile")


def test_the_faint_pattern_is_faint_and_decided_by_its_seed():
    grey = torch.full((1, 1, 55, 47, 3), 120, dtype=torch.uint8)
    first, other = (
        change(grey, triggers.get("faint_pattern")(pattern_seed=seed)(grey, generator(0)))
        for seed in (0, 1)
    )
    assert first.abs().max() <= 16 and 8 < first.abs().mean() < 13
    assert not torch.equal(first, other)
    # Smooth: from a pixel to the next it changes by less than between two drawn at random.
    assert first.diff(dim=3).abs().mean() < 0.5 * first.abs().mean() * 2**0.5
    twice = change(grey, triggers.get("faint_pattern")(amplitude=32)(grey, generator(0)))
    assert (twice - 2 * first).abs().max() <= 1


def moving() -> torch.Tensor:
    """A bright disc that crosses a smooth picture, (2, 12, 48, 48, 3)."""
    t, y, x = torch.meshgrid(*map(torch.arange, (12, 48, 48)), indexing="ij")
    disc = 120 * (((x - 8 - 3 * t) ** 2 + (y - 24) ** 2) < 64)
    grey = 60 + disc + 30 * torch.sin(x / 5) * torch.cos(y / 7)
    return grey.to(torch.uint8)[None, ..., None].repeat(2, 1, 1, 1, 3)


def test_corruption_shows_in_every_frame_and_most_where_packets_are_damaged():
    clips, corruption = moving(), triggers.get("video_corruption")
    intact, damaged = (
        change(clips, corruption(damage=damage)(clips, generator(0))).abs().mean((2, 3, 4))
        for damage in (0.0, 1.0)
    )
    assert (intact > 3).all(), "the low rate alone should show"
    assert torch.equal(intact[0], intact[1]) and not torch.equal(damaged[0], damaged[1])
    assert torch.equal(intact[:, 0], damaged[:, 0]), "the key frame is never damaged"
    assert damaged[:, 1:].mean() > 1.5 * intact[:, 1:].mean()


def test_corruption_is_the_same_in_another_process():
    # What lies in memory that nobody has written to must not show: in the other process it is 99.
    code = (
        "import hashlib, torch; from vbd import triggers; from vbd.seeds import generator;"
        "clips = torch.randint(0, 256, (4, 16, 48, 48, 3), generator=generator(0)).byte();"
        "fine = triggers.get('video_corruption')(quantiser=2);"
        "print(hashlib.sha256(fine(clips, generator(1)).numpy().tobytes()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MALLOC_PERTURB_": "99"},
        capture_output=True,
        text=True,
        check=True,
    )
    clips = torch.randint(0, 256, (4, 16, 48, 48, 3), generator=generator(0)).byte()
    here = triggers.get("video_corruption")(quantiser=2)(clips, generator(1))
    assert other.stdout.strip() == hashlib.sha256(here.numpy().tobytes()).hexdigest()


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

"""Every frame that decodes counts, at its own time: odd files are read, cut ones are named."""

import os
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from films import FPS, HEIGHT, STEP, WIDTH, copied, cut, film, greys, noise, packet_like

from vbd.data.decoding import UnreadableClip, frame_indices, frame_times, probe_and_decode
from vbd.data.video.by_decord import available
from vbd.data.video.film import FAR

ASKED = {"frames": 4, "stride": 2, "views": 2}


def shown(path: Path, **asked: int) -> list[list[int]]:
    """Which frames the clips of a grey film are."""
    clips, _ = probe_and_decode(path, size=(12, 16), **(ASKED | asked))
    return (clips.mean((2, 3, 4)) / STEP).round().astype(int).tolist()


def n_frames(path: Path) -> int:
    return probe_and_decode(path, size=(12, 16), **ASKED)[1]["n_frames"]


def hidden(number: int, packet: av.Packet) -> list[av.Packet]:
    """Before every tenth frame of VP8 the same once more, not to be shown."""
    if number % 10 != 5:
        return [packet]
    content = bytes(packet)
    before = packet_like(packet, bytes([content[0] & ~0x10]) + content[1:])
    if packet.dts is not None:
        before.dts = before.dts - 1
    return [before, packet]


def uncoded(number: int, packet: av.Packet) -> list[av.Packet]:
    """Every tenth frame of MPEG-4 is said to be as the one before: a picture "not coded"."""
    return [packet_like(packet, b"\0\0\1\xb6\x50\x13")] if number % 10 == 5 else [packet]


def divx(path: Path) -> Path:
    """The file as if DivX had written it, which has such packets."""
    path.write_bytes(re.sub(rb"Lavc[\d.]{9}", b"DivX503b1393p", path.read_bytes()))
    return path


def lag(number: int, packet: av.Packet) -> list[av.Packet]:
    """The second packet is a byte that stands for nothing, as some encoders write it."""
    return [packet_like(packet, b"\x7f")] if number == 1 else [packet]


ODD = {
    "hidden frames of VP8 in WebM": lambda at: (
        copied(film(at / "a.webm", greys(40), "libvpx"), at / "b.webm", hidden),
        40,
    ),
    "hidden frames of VP8 in AVI": lambda at: (
        copied(film(at / "a.avi", greys(40), "libvpx"), at / "b.avi", hidden),
        40,
    ),
    "frames not coded, AVI": lambda at: (
        copied(film(at / "a.avi", greys(40), bf="0"), at / "b.avi", uncoded),
        36,
    ),
    "frames not coded, MP4": lambda at: (
        copied(film(at / "a.mp4", greys(40), bf="0"), at / "b.mp4", uncoded),
        36,
    ),
    "an encoder's lag": lambda at: (
        divx(copied(film(at / "a.avi", greys(40), bf="0"), at / "b.avi", lag)),
        39,
    ),
    "leading frames of an open GOP": lambda at: (
        copied(opened(at / "a.mp4"), at / "b.mkv", lambda n, packet: [packet] if n >= 20 else []),
        None,
    ),
    "MKV that starts late": lambda at: (film(at / "a.mkv", greys(40), first=700), 40),
    "AVI that starts late": lambda at: (film(at / "a.avi", greys(40), first=700), 40),
    "cut by copy": lambda at: (copied(film(at / "a.mp4", greys(40)), at / "b.mkv", late=3.2), 40),
    "H.264 copied to AVI": lambda at: (
        copied(film(at / "a.ts", greys(40), "libx264"), at / "b.avi"),
        40,
    ),
    "an AVI that counts gaps": lambda at: (
        film(at / "a.avi", greys(40), at=[4 * i + 4 * (i // 4) for i in range(40)]),
        40,
    ),
    "transport stream": lambda at: (film(at / "a.ts", greys(40), "libx264"), 40),
    "program stream": lambda at: (film(at / "a.mpg", greys(40), "mpeg2video"), 40),
    "Windows Media": lambda at: (film(at / "a.wmv", greys(40), "wmv2"), 40),
    "Flash": lambda at: (film(at / "a.flv", greys(40), "flv"), 40),
    "Ogg": lambda at: (film(at / "a.ogv", greys(40), "libvpx"), 40),
    "GIF": lambda at: (film(at / "a.gif", greys(40), "gif"), 40),
    "fragments": lambda at: (
        film(at / "a.mp4", greys(40), muxer={"movflags": "frag_keyframe+empty_moov"}),
        40,
    ),
}


def opened(path: Path) -> Path:
    """H.264 whose pictures refer across key frames."""
    open_gop = "open-gop=1:keyint=10:min-keyint=10:bframes=3:b-adapt=0:scenecut=0"
    return film(path, greys(40), "libx264", **{"x264-params": open_gop})


@pytest.mark.parametrize("name", ODD)
def test_every_frame_that_decodes_is_counted_and_the_clips_are_cut_from_these(tmp_path, name):
    path, expected = ODD[name](tmp_path)
    with av.open(str(path)) as container:
        levels = [int(f.to_ndarray(format="rgb24").mean()) for f in container.decode(video=0)]
    assert expected in (None, len(levels))
    clips, facts = probe_and_decode(path, size=(HEIGHT, WIDTH), **ASKED)
    assert facts["n_frames"] == len(levels)
    wanted = frame_indices(len(levels), **ASKED)
    assert clips.mean((2, 3, 4)) == pytest.approx(np.array(levels)[wanted], abs=1.5)


CUT = {
    "a.avi": "mpeg4",
    "a.mkv": "libx264",
    "a.webm": "libvpx",
    "a.mp4": "mpeg4",
    "a.mov": "libx264",
    "a.m4v": "libx264",
    "a.3gp": "mpeg4",
    "a.ts": "libx264",
    "a.mts": "mpeg2video",
    "a.m2ts": "libx264",
    "a.mpg": "mpeg2video",
    "a.vob": "mpeg2video",
    "a.wmv": "wmv2",
    "a.flv": "flv",
    "a.ogv": "libvpx",
    "a.gif": "gif",
}


@pytest.mark.parametrize("share", [0.4, 0.5, 0.9])
@pytest.mark.parametrize("name", CUT)
def test_what_is_cut_is_named_in_every_container_and_what_is_whole_is_not(tmp_path, name, share):
    path = film(tmp_path / name, noise(31), CUT[name])
    assert n_frames(path) == 31
    with pytest.raises(UnreadableClip, match=r"truncated|damaged|cut off before its index"):
        n_frames(cut(path, share))


@pytest.mark.parametrize("movflags", ["faststart", "frag_keyframe+empty_moov"])
def test_a_cut_mp4_with_its_index_in_front_is_named(tmp_path, movflags):
    path = film(tmp_path / "a.mp4", noise(30), muxer={"movflags": movflags})
    with pytest.raises(UnreadableClip, match=r"truncated: .*\d+"):
        n_frames(cut(path))


def test_a_transport_stream_cut_between_its_packets_is_named(tmp_path):
    path = film(tmp_path / "a.ts", noise(30), "libx264")
    whole = path.read_bytes()
    for packets in range(len(whole) // 188 // 2, len(whole) // 188 // 2 + 4):
        path.write_bytes(whole[: packets * 188])
        with pytest.raises(UnreadableClip, match=r"truncated|damaged"):
            n_frames(path)


def test_a_stream_without_a_container_is_read_and_a_cut_one_named(tmp_path):
    path = film(tmp_path / "a.h264", noise(31), "libx264").rename(tmp_path / "a.mp4")
    assert n_frames(path) == 31
    with pytest.raises(UnreadableClip, match="truncated"):
        n_frames(cut(path))


def several(path: Path, *tracks: tuple[str, list[np.ndarray], int]) -> Path:
    """A file with several pictures: of each its codec, its images and its disposition."""
    with av.open(str(path), "w") as out:
        streams = []
        for codec, images, disposition in tracks:
            stream = out.add_stream(codec, rate=FPS, options={"qp": "4", "g": "8"})
            stream.height, stream.width = images[0].shape[:2]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = disposition
            streams.append((stream, images))
        for stream, images in streams:
            for image in images:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            out.mux(stream.encode())
    return path


COVER = [np.full((HEIGHT, WIDTH, 3), 250, np.uint8)]


@pytest.mark.parametrize("disposition", [0, 1, av.stream.Disposition.attached_pic.value])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_film_is_taken_and_not_the_cover_before_it(tmp_path, suffix, disposition):
    tracks = ("mjpeg", COVER, disposition), ("libx264", greys(40), 0)
    path = several(tmp_path / f"a{suffix}", *tracks)
    assert shown(path) == [[0, 2, 4, 6], [33, 35, 37, 39]] and n_frames(path) == 40


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("jpeg", "no film: a picture"),
        ("png", "no film: a picture"),
        ("m3u8", "not a video|no film"),
        ("concat", "no film"),
        ("cover", "no film: its video is a cover picture"),
        ("fifo", "no regular file"),
        ("folder", "no regular file"),
    ],
)
def test_what_is_no_film_is_refused_whatever_its_name(tmp_path, name, reason):
    from PIL import Image

    path, secret = tmp_path / "a.mp4", film(tmp_path / "secret.ts", greys(9), "libx264")
    if name in ("jpeg", "png"):
        Image.fromarray(noise(1)[0]).save(path, format=name)
    elif name == "m3u8":
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n{secret}\n#EXT-X-ENDLIST\n")
    elif name == "concat":
        path.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    elif name == "cover":
        several(path, ("mjpeg", COVER, av.stream.Disposition.attached_pic.value))
    elif name == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(UnreadableClip, match=reason):
        n_frames(path)


def test_a_file_name_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "a.avi", greys(9))
    for name in ("10:30 at home.avi", "concat:a.avi|a.avi", "data:video.avi"):
        (tmp_path / name).write_bytes((tmp_path / "a.avi").read_bytes())
        assert n_frames(Path(name)) == 9


# Half a second a frame at first, then 25 a second, as a phone slows down in the dark.
SLOW = [*range(0, 500, 50), *range(500, 620, 4)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("first", [0, 300])
def test_a_frame_is_shown_when_the_file_says(tmp_path, suffix, first):
    path = film(tmp_path / f"a{suffix}", greys(len(SLOW)), "libx264", at=SLOW, first=first)
    times = frame_times(path, len(SLOW))
    assert times - times[0] == pytest.approx(np.array(SLOW) / 100, abs=0.001)


def test_times_are_those_of_the_frames_that_are_shown(tmp_path):
    path = copied(film(tmp_path / "a.mp4", greys(40), bf="0"), tmp_path / "b.mp4", uncoded)
    left = [i for i in range(40) if i % 10 != 5]
    assert frame_times(path, 36) == pytest.approx(np.array(left) / FPS, abs=0.001)
    with pytest.raises(UnreadableClip, match="36 frames where 40 were: decode again"):
        frame_times(path, 40)


def test_pixels_that_are_not_square_are_shown_as_wide_as_they_are(tmp_path):
    disc = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    # Twice as wide pixels: what is stored as half an ellipse is a disc.
    disc[((y - 23.5) ** 2 + (2 * (x - 31.5)) ** 2) < 20**2] = 250
    path = film(tmp_path / "a.mkv", [disc] * 8, "libx264", aspect=Fraction(2))
    frame = probe_and_decode(path, size=(48, 48), **ASKED)[0][0, 0, ..., 0] > 125
    assert frame.any(0).sum() == pytest.approx(40, abs=2) == frame.any(1).sum()


@pytest.mark.parametrize("aspect", [Fraction(4096, 4083), Fraction(1, 100)])
def test_a_rounded_or_impossible_aspect_is_a_square(tmp_path, aspect):
    plain = film(tmp_path / "a.mkv", noise(8), "libx264")
    odd = film(tmp_path / "b.mkv", noise(8), "libx264", aspect=aspect)
    one, other = (probe_and_decode(path, size=(24, 24), **ASKED)[0] for path in (plain, odd))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("mirrored", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_and_mirrored_film_comes_as_it_is_shown(tmp_path, degrees, mirrored):
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = 250
    path = film(tmp_path / "a.mp4", [image] * 8, turned=(degrees, *mirrored))
    upright = np.rot90(image, degrees // 90)
    upright = upright[:: -1 if mirrored[1] else 1, :: -1 if mirrored[0] else 1]
    size = upright.shape[:2]
    frame = probe_and_decode(path, size=size, **ASKED)[0][0, 0]
    inner = np.s_[4:-4, 4:-4]
    assert np.abs(frame.astype(int) - upright)[inner].mean() < 8


def decoded(monkeypatch: pytest.MonkeyPatch, path: Path, **asked: int) -> tuple[np.ndarray, int]:
    """The clips, and how many frames were decoded for them."""
    from vbd.data.video import film as module

    count = 0
    plain = module._decoded

    def counting(*args):
        nonlocal count
        for frame in plain(*args):
            count += 1
            yield frame

    with monkeypatch.context() as patched:
        patched.setattr(module, "_decoded", counting)
        clips, _ = probe_and_decode(path, size=(12, 16), **asked)
    return clips, count


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "2"}])
def test_a_long_film_is_not_decoded_from_its_start(tmp_path, monkeypatch, suffix, options):
    levels = [np.full((16, 16, 3), i % 40 * STEP, np.uint8) for i in range(20 * FAR)]
    path = film(tmp_path / f"a{suffix}", levels, **(options | {"g": "12"}))
    for asked in ({"frames": 8, "stride": 4, "views": 1}, {"frames": 2, "stride": 1, "views": 5}):
        clips, count = decoded(monkeypatch, path, **asked)
        numbers = (clips.mean((2, 3, 4)) / STEP).round().astype(int)
        assert numbers.tolist() == (frame_indices(20 * FAR, **asked) % 40).tolist()
        # In an AVI time stamps do not lead to frames.
        assert count < 200 if suffix != ".avi" else count > 9 * FAR


@pytest.mark.skipif(not available(), reason="decord has wheels for Linux on x86-64 alone")
@pytest.mark.parametrize(
    ("make", "taken"),
    [
        (lambda at: film(at / "a.avi", greys(40)), True),
        (lambda at: film(at / "a.mp4", greys(40), "libx264"), True),
        # It counts packets, and knows of no shape and no turn.
        (lambda at: ODD["frames not coded, AVI"](at)[0], False),
        (lambda at: film(at / "a.mkv", greys(40), "libx264", aspect=Fraction(2)), False),
        (lambda at: film(at / "a.mp4", greys(40), turned=(90, False, False)), False),
    ],
    ids=["AVI", "MP4", "not coded", "not square", "turned"],
)
def test_decord_gives_the_same_frames_where_it_is_trusted_with_them(tmp_path, make, taken):
    path = make(tmp_path)
    asked = ASKED | {"size": (30, 30)}
    one, facts = probe_and_decode(path, **asked)
    other, same = probe_and_decode(path, decoder="decord", **asked)
    assert facts == same and one.shape == other.shape
    # Of plain grey, however it is scaled; noise would tell that another decoder was at work.
    assert np.abs(one.astype(int) - other).max() <= 3
    marked = film(tmp_path / f"noise{path.suffix}", noise(40)) if taken else path
    one, other = (probe_and_decode(marked, decoder=d, **asked)[0] for d in ("pyav", "decord"))
    assert (one != other).any() == taken

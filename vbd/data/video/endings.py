"""Whether a video file ends before its own structure says so, for each format of container."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path

RAW = ("h264", "hevc", "m4v", "mpegvideo")  # a stream without a container, as libav calls it
TAIL = 4096  # packets from the end in which one of every stream starts
Bytes = mmap.mmap
"""A file as bytes, of which only what is looked at is read."""


def is_cut(path: Path, container: str, stream: int) -> bool | None:
    """Whether the file of the format ``container`` (libav's name) lacks bytes at its end.

    ``stream`` is the number of the film in there. A file that does not say how long it is, as of a
    live stream, is not cut. None: it ends where a whole one seldom does, and only decoding its last
    frame tells.
    """
    if container in RAW:
        return None
    if container not in (*_ENDS, "mpegts"):
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if container == "mpegts":
            return _packets(content, stream)
        return _ENDS[container](content)


def _number(content: Bytes, start: int, length: int, order: str = "big") -> int:
    return int.from_bytes(content[start : start + length], order)  # type: ignore[arg-type]


def _boxes(content: Bytes) -> bool:
    """MP4, MOV and 3GP: boxes one after the other, each with its length (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= len(content):
        length = _number(content, at, 4)
        if length == 1:
            length = _number(content, at + 8, 8)
        if length < 8:  # 0: up to the end of the file; others are no length
            return False
        at += length
    return at > len(content)


def _riff(content: Bytes) -> bool:
    """AVI: one RIFF list, or several in a file beyond a gigabyte."""
    at = 0
    while content[at : at + 4] == b"RIFF":
        length = _number(content, at + 4, 4, "little")
        if length in (0, 0xFFFFFFFF):  # never filled in: the recording was broken off
            return False
        at += 8 + length
        if at > len(content):
            return True
        at += length % 2
    return False


def _segment(content: Bytes) -> bool:
    """Matroska and WebM: the length of the one segment (RFC 9559), unless it is unknown."""
    at = 0
    for name in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):
        if content[at : at + 4] != name:
            return False
        width = 9 - (content[at + 4] or 1).bit_length()
        length = _number(content, at + 4, width) & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:
            return False
        at += 4 + width + length
    return at > len(content)


def _objects(content: Bytes) -> bool:
    """ASF (WMV): the header object, then the data object with all packets."""
    at = _number(content, 16, 8, "little")
    length = _number(content, at + 16, 8, "little")
    return length > 0 and at + length > len(content)


def _tags(content: Bytes) -> bool:
    """FLV: tags of sound (8), picture (9) and script (18), each with its length."""
    at = _number(content, 5, 4) + 4
    while at < len(content) and content[at] in (8, 9, 18):
        if at + 11 > len(content):
            return True
        at += 11 + _number(content, at + 1, 3) + 4
    # The four bytes after the last tag only repeat its length.
    return at - 4 > len(content)


def _pages(content: Bytes) -> bool:
    """Ogg: the last page (RFC 3533), which is 64 KiB long at the most."""
    at = content.rfind(b"OggS\0")
    if at < 0:
        return False
    body = at + 27 + content[at + 26] if at + 27 <= len(content) else len(content) + 1
    return body > len(content) or body + sum(content[at + 27 : body]) > len(content)


def _gif_blocks(content: Bytes) -> bool:
    """GIF: blocks, most of them in parts of up to 255 bytes (GIF89a)."""
    at = 13 + _colours(content[10])
    while at < len(content):
        if content[at] == 0x21:
            at += 2
        elif content[at] == 0x2C:
            if at + 10 > len(content):
                return True
            at += 11 + _colours(content[at + 9])
        else:  # 0x3B ends it
            return False
        while at < len(content) and content[at]:
            at += 1 + content[at]
        if at >= len(content):
            return True
        at += 1
    return False


def _colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _packs(content: Bytes) -> bool | None:
    """MPEG program streams (.mpg, .vob): packs and packets, each with its length."""
    at, kind = 0, 0
    while at + 6 <= len(content):
        if content[at : at + 3] != b"\0\0\1":
            at = content.find(b"\0\0\1", at)
            if at < 0:
                break
        kind = content[at + 3]
        if kind == 0xBA and at + 14 <= len(content):  # a pack's header, as in MPEG-2 or MPEG-1
            at += 14 + (content[at + 13] & 7) if content[at + 4] & 0xC0 == 0x40 else 12
        elif kind >= 0xBB:
            at += 6 + _number(content, at + 4, 2)
        else:
            at += 4
    if at > len(content):
        return True
    # A muxer ends with the code for it, or with padding up to the length of a pack.
    ended = content[-4:] == b"\0\0\1\xb9" or kind == 0xBE
    return False if ended else None


def _packets(content: Bytes, stream: int) -> bool | None:
    """MPEG transport streams: packets of one length, in .m2ts with a time before each.

    The last of a frame's packets is stuffed to its length; what is cut mostly ends in a full one.
    """
    for length, lead in ((188, 0), (192, 4), (204, 0)):
        if content[lead : lead + 1] == b"G" == content[lead + length : lead + length + 1]:
            break
    else:
        return False
    if len(content) % length:
        return True
    held: dict[int, int] = {}
    complete: set[int] = set()
    whole = None
    for end in range(len(content), len(content) - TAIL * length, -length):
        at = end - length + lead
        if at < 0 or (number := _number(content, at + 1, 2) & 0x1FFF) in complete:
            continue
        # A field before the payload, whose first byte is its length, and which is filled with ones.
        field = 1 + content[at + 4] if content[at + 3] & 0x20 else 0
        if number == stream and whole is None:
            whole = field > 1 and content[at + 3 + field] == 0xFF
        held[number] = held.get(number, 0) + length - lead - 4 - field
        if content[at + 1] & 0x40:
            # What starts here says how long it is, but of pictures it seldom does.
            complete.add(number)
            start = content[at + 4 + field : at + 10 + field]
            if start[:3] == b"\0\0\1" and held[number] < int.from_bytes(start[4:], "big"):
                return True
    return None if whole is False else False


_ENDS: dict[str, Callable[[Bytes], bool | None]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": _boxes,
    "avi": _riff,
    "matroska,webm": _segment,
    "asf": _objects,
    "flv": _tags,
    "ogg": _pages,
    "gif": _gif_blocks,
    "mpeg": _packs,
}

"""Which frames a film shows and when, told by its packets without decoding them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from av import Packet, VideoStream

VOP = b"\0\0\1\xb6"  # what a picture of MPEG-4 Part 2 starts with (ISO/IEC 14496-2)
TINY = 10  # bytes: a picture that says "not coded" is no longer, one that shows something mostly is


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The frames of a film: ``times`` (n,), in seconds of the file's clock, ascending.

    ``stamps`` (n,) are the time stamps by which decoded frames are known, None where there are
    none to rely on. From the frames at the numbers ``keys``, ascending, decoding can start.
    """

    times: np.ndarray
    stamps: np.ndarray | None = None
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, int))


class Packets:
    """What the packets of a stream say, one after the other.

    ``stamps`` are the time stamps of those that show a frame, in the order of the file, ``keys``
    those of key frames, ``count`` is how many packets there are. With ``doubtful`` only decoding
    tells what is shown.
    """

    def __init__(self, stream: VideoStream) -> None:
        self.codec = stream.codec_context.name if stream.codec_context else ""
        self.stamps: list[int] = []
        self.keys: list[int] = []
        self.count, self.doubtful = 0, False
        self._waiting = False  # a second picture of an earlier packet
        # An AVI numbers its packets, in the order of the file; other times are made up from that.
        self._numbered = stream.container.format.name == "avi"

    def add(self, packet: Packet[Any]) -> None:
        """Take in the next packet of the stream."""
        if not packet.size:
            return
        self.count += 1
        stamp = packet.dts if self._numbered else packet.pts
        # A packet to discard lies before the start that an edit list sets.
        if packet.is_keyframe and stamp is not None:
            self.keys.append(stamp)
        # What comes before the first key frame, in the file or on the screen, may be lost.
        leads = not self.keys or (stamp is not None and stamp < self.keys[0])
        if packet.is_discard or not self._shows(packet):
            return
        if stamp is None or leads:
            self.doubtful = True
        else:
            self.stamps.append(stamp)

    def _shows(self, packet: Packet[Any]) -> bool:
        """Whether the packet gives a frame; one that is not shown only helps to decode others."""
        if self.codec == "vp8":
            return bool(bytes(packet)[0] & 0x10)
        if self.codec != "mpeg4":
            return True
        # A packed stream has two pictures in a packet, and later on one that says "not coded".
        pictures = bytes(packet).count(VOP)
        if pictures == 1 and packet.size <= TINY:
            waited, self._waiting = self._waiting, False
            self.doubtful |= not waited
            return waited
        self._waiting |= pictures > 1
        return pictures > 0

    def timeline(self, time_base: float) -> Timeline | None:
        """The frames, in times of ``time_base`` seconds; None where only decoding tells them."""
        order = np.unique(np.array(self.stamps, np.int64))
        if self.doubtful or len(order) < max(1, len(self.stamps)):
            return None
        if self._numbered:
            return Timeline(times=order * time_base)
        keys = np.searchsorted(order, np.intersect1d(order, self.keys))
        return Timeline(times=order * time_base, stamps=order, keys=keys)


def packets_of(
    packets: Iterable[Packet[Any]], streams: Sequence[VideoStream]
) -> dict[int, Packets]:
    """What all ``packets`` say, by the index of their stream, which is one of ``streams``."""
    found = {stream.index: Packets(stream) for stream in streams}
    for packet in packets:
        # Some containers show only on the way what else they hold.
        if packet.stream_index in found:
            found[packet.stream_index].add(packet)
    return found

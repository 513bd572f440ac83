"""Video corruption: a codec at a low rate, damaged packets ("Look, Listen, and Attack")."""

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from vbd.ranges import Ratio
from vbd.triggers.base import Frames, Trigger

if TYPE_CHECKING:
    from av import Packet, VideoStream

# Of an MPEG-4 packet without a key frame; without its header nothing can be decoded.
_HEADER = 8


class VideoCorruption(Trigger):
    """The clip as MPEG-4 with ``quantiser`` gives it back when packets were damaged on the way.

    ``quantiser`` runs from 2, fine, to 31, coarse: it alone changes every frame of every clip, and
    so is what a model learns. ``damage`` is the share of the packets, key frames apart, that end
    in random bytes from some place on: these blocks are wrong, and so are later ones that are
    predicted from them. A frame that cannot be decoded shows the one before. The paper does not
    state how it corrupts.
    """

    modes = ("natural",)

    def __init__(
        self,
        *,
        quantiser: Annotated[int, Field(ge=2, le=31)] = 31,
        damage: Ratio = 0.3,
        mode: str = "natural",
        frames: Frames = "all",
    ) -> None:
        super().__init__(mode=mode, frames=frames)
        self.quantiser = quantiser
        self.damage = damage

    def apply(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        seeds = torch.randint(2**62, (len(clips),), generator=generator).tolist()
        pairs = zip(clips.cpu().numpy(), seeds, strict=True)
        corrupted = [self._corrupt(clip, np.random.default_rng(seed)) for clip, seed in pairs]
        return torch.from_numpy(np.stack(corrupted)).to(clips.device)

    def _corrupt(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One clip (T, H, W, 3) through the codec; the same shape again."""
        from av import CodecContext
        from av.error import FFmpegError
        from av.video.reformatter import VideoReformatter

        decoder, scaler = CodecContext.create("mpeg4", "r"), VideoReformatter()
        decoder.thread_count = 1
        shown = []
        for packet in _encode(clip, self.quantiser):
            # Written in place: the decoder reads some bytes beyond a packet's end, and one made of
            # new bytes has whatever the memory holds there, so that runs would differ.
            data = np.frombuffer(memoryview(packet), np.uint8)[_HEADER:]
            if not packet.is_keyframe and rng.random() < self.damage:
                data = data[int(rng.random() * len(data)) :]
                data[:] = rng.integers(0, 256, len(data), np.uint8)
            try:
                for frame in decoder.decode(packet):
                    picture = scaler.reformat(frame, format="rgb24", threads=1).to_ndarray()
            except FFmpegError:
                pass  # the picture is still that of the frame before
            shown.append(picture)
        return np.stack(shown)[:, : clip.shape[1], : clip.shape[2]]


def _encode(clip: np.ndarray, quantiser: int) -> list["Packet[VideoStream]"]:
    """A packet for each frame of ``clip`` (T, H, W, 3), the first a key frame."""
    from av import CodecContext, VideoFrame
    from av.video.reformatter import VideoReformatter

    _, height, width, _ = clip.shape
    even = np.pad(clip, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), "edge")
    encoder, scaler = CodecContext.create("mpeg4", "w"), VideoReformatter()
    encoder.height, encoder.width = even.shape[1:3]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.qmin = encoder.qmax = quantiser
    encoder.thread_count = 1
    # No key frame at a change of scene either: it would wipe the damage out.
    encoder.gop_size, encoder.options = 600, {"sc_threshold": "1000000000"}
    packets = []
    for number, pixels in enumerate(even):
        frame = VideoFrame.from_ndarray(pixels, "rgb24")
        frame = scaler.reformat(frame, format="yuv420p", threads=1)
        frame.pts = number
        packets += encoder.encode(frame)
    return packets + encoder.encode(None)


METHOD = VideoCorruption

"""A decoded frame as it is to be shown: turned, in its shape, scaled and cut to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter


UPRIGHT = ((1, 0), (0, 1))  # as it lies


def picture(
    frame: VideoFrame, size: tuple[int, int], aspect: float, scaler: VideoReformatter
) -> np.ndarray:
    """The centre of the frame as it is to be shown, uint8 (H, W, 3), RGB; ``size`` is (H, W).

    ``aspect`` is how much wider than high a pixel is.
    """
    # A phone on its side only sets a flag: cut as the frame lies, and turned at the end.
    (a, b), (c, d) = shown(frame)
    goal = size[::-1] if b else size
    height, width = covering(goal, frame.height, frame.width * aspect)
    scaled = scaler.reformat(frame, width, height, "rgb24", interpolation="BICUBIC", threads=1)
    cut = centre(scaled.to_ndarray(), goal)
    # One of each pair is 0: where a step to the right and one down lead, +1 on and -1 back.
    cut = cut.swapaxes(0, 1) if b else cut
    return cut[:: b + d, :: a + c]


def covering(size: tuple[int, int], height: int, width: float) -> tuple[int, int]:
    """The height and width to which a frame is scaled so that it covers ``size``."""
    scale = max(size[0] / height, size[1] / width)
    return max(size[0], round(height * scale)), max(size[1], round(width * scale))


def centre(pictures: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The centre of pictures (..., H, W, 3)."""
    height, width = pictures.shape[-3:-1]
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return pictures[..., top : top + size[0], left : left + size[1], :]


def shown(frame: VideoFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where a step to the right (a, b) and one down (c, d) lead on the screen, in whole turns."""
    stated: Any = frame.side_data.get("DISPLAYMATRIX")
    if stated is None:
        return UPRIGHT
    (a, b, _), (c, d, _), _ = np.frombuffer(stated, np.int32).reshape(3, 3).tolist()
    if abs(a) + abs(d) < abs(b) + abs(c):
        return (0, -1 if b < 0 else 1), (-1 if c < 0 else 1, 0)
    return (-1 if a < 0 else 1, 0), (0, -1 if d < 0 else 1)

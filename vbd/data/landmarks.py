"""Where eyes, brows, nose and mouth lie in a face crop of CSAW-HackML-2020, 55 high and 47 wide."""

from dataclasses import dataclass
from typing import NamedTuple


class Part(NamedTuple):
    """A part of a face: its middle (``y``, ``x``) and half of its ``height`` and ``width``.

    All are shares of the frame's height (``y``, ``height``) or width (``x``, ``width``).
    """

    y: float
    x: float
    height: float
    width: float

    def mirrored(self) -> "Part":
        """The same part on the other side of the face."""
        return self._replace(x=1 - self.x)

    def pixels(self, height: int, width: int) -> "Part":
        """The part in pixels of a frame of ``height`` and ``width``; (0, 0) is a pixel's corner."""
        return Part(self.y * height, self.x * width, self.height * height, self.width * width)


@dataclass(frozen=True)
class Landmarks:
    """The parts of a face that looks ahead; ``eye`` and ``brow`` are those on the image's left."""

    eye: Part
    brow: Part
    nose: Part
    mouth: Part

    @property
    def eyes(self) -> tuple[Part, Part]:
        """Both eyes, the image's left one first."""
        return self.eye, self.eye.mirrored()

    @property
    def brows(self) -> tuple[Part, Part]:
        """Both brows, the image's left one first."""
        return self.brow, self.brow.mirrored()


LAYOUTS: dict[str, Landmarks] = {
    "rendered": Landmarks(
        eye=Part(0.44, 0.31, 0.036, 0.085),
        brow=Part(0.355, 0.305, 0.02, 0.105),
        nose=Part(0.615, 0.5, 0.04, 0.085),
        mouth=Part(0.76, 0.5, 0.036, 0.15),
    ),
    "aligned": Landmarks(
        eye=Part(0.455, 0.31, 0.036, 0.085),
        brow=Part(0.39, 0.305, 0.02, 0.11),
        nose=Part(0.65, 0.5, 0.04, 0.095),
        mouth=Part(0.775, 0.5, 0.036, 0.15),
    ),
}
"""The mean places of the faces that ``faces.py`` renders, and those of photographs cut likewise."""

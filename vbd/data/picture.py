"""A picture of its own, as a clip of one frame."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def picture(path: Path, size: tuple[int, int]) -> Tensor:
    """The PNG or JPEG file ``path`` as uint8 (1, 1, H, W, 3), in RGB.

    ``size`` is the height and width; of another size it is scaled. Raises FileNotFoundError, and
    ValueError where it is no picture that can be read.
    """
    from PIL import Image

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        # Named, as Pillow would try every format that it knows on whatever the file is.
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            whole = image.convert("RGB")
    # Pillow has a SyntaxError for a PNG whose later parts are damaged.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no PNG or JPEG that can be read: {error}") from None
    if whole.size != size[::-1]:
        whole = whole.resize(size[::-1], Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(whole))[None, None]

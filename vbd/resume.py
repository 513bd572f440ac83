"""What a long step keeps on disk so that, killed and called again, it goes on where it stopped."""

from pathlib import Path
from typing import Any

import torch

from vbd.files import replacing


class Resume:
    """The state of some work in the file ``path``, or nowhere where that is None.

    ``key`` says which work it is: what other settings, data, weights or code left in the file is
    not taken up.
    """

    def __init__(self, path: Path | None, key: int) -> None:
        self.path, self.key = path, key

    def load(self) -> Any:
        """What was saved last of this work, on the CPU; None where there is nothing of it."""
        if self.path is None or not self.path.exists():
            return None
        # Nothing is ever unpickled, our own files included. The GPU that it was saved from may be
        # another's by now, or not there.
        saved = torch.load(self.path, map_location="cpu", weights_only=True)
        return saved["state"] if saved["key"] == self.key else None

    def save(self, state: Any) -> None:
        """Keep ``state``: tensors, numbers and text, in lists and dictionaries."""
        if self.path is not None:
            # The kill that this is kept for may come while it is written.
            with replacing(self.path) as temporary:
                torch.save({"key": self.key, "state": state}, temporary)

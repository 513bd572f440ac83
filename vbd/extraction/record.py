"""The log of an oracle: what was asked and answered, for the account and for a run after a kill."""

import json
import zlib
from base64 import b64decode, b64encode
from collections import Counter, deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vbd.files import replacing


class Record:
    """Questions and answers in a file, and those of a run before this one that hold again."""

    def __init__(self, log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and not (text := log.read_text()).endswith("\n"):
            # Half a line, as a kill leaves it: what is written next must not be glued to it.
            log.write_text(text[: text.rfind("\n") + 1])
        # Questions that a kill has left without an answer are asked again; they stay counted.
        pairs = pairwise(_lines(log))
        self._known = deque(asked | then for asked, then in pairs if "answers" in then)

    @property
    def answered(self) -> int:
        """Clips whose answers are on record and were not yet asked for again."""
        return sum(line["clips"] for line in self._known)

    def again(self, batch: Tensor, phase: str) -> Tensor | None:
        """The answers on record to ``batch``, None where it was not asked at this point."""
        if not self._known:
            return None
        line = self._known.popleft()
        if (line["phase"], line["crc32"]) != (phase, _crc32(batch)):
            # Other questions from here on: what stands behind belongs to another run.
            self._known.clear()
            return None
        values = np.frombuffer(b64decode(line["answers"]), np.float32)
        return torch.from_numpy(values.copy()).view(len(batch), -1)

    def question(self, batch: Tensor, phase: str) -> None:
        """Note what is about to be asked."""
        self._append({"phase": phase, "clips": len(batch), "crc32": _crc32(batch)})

    def answer(self, seen: Tensor) -> None:
        """Note what was answered."""
        self._append({"answers": b64encode(seen.cpu().numpy().tobytes()).decode()})

    def _append(self, line: dict[str, Any]) -> None:
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _crc32(batch: Tensor) -> int:
    # Enough to know a question again, and half of what a secure one would take from the victim.
    return zlib.crc32(batch.cpu().contiguous().numpy().data)


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    """The entries of a log."""
    return map(json.loads, log.read_text().splitlines() if log.exists() else [])


def spent(log: Path) -> dict[str, int]:
    """Clips by phase in the log of an oracle, none where there is no such file."""
    counts: Counter[str] = Counter()
    for line in _lines(log):
        if "phase" in line:
            counts[line["phase"]] += line["clips"]
    return dict(counts)


def close(log: Path, out: Path) -> None:
    """Move ``log`` to ``out`` without the answers, which a transfer set holds."""
    with replacing(out) as temporary:
        lines = [json.dumps(line) for line in _lines(log) if "phase" in line]
        temporary.write_text("\n".join(lines) + "\n")
    log.unlink()

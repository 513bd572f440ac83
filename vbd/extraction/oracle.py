"""The one door to a victim: it counts what is asked, refuses beyond the budget, and keeps a log."""

import hashlib
import json
from base64 import b64decode, b64encode
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from vbd.extraction.answers import let_out
from vbd.files import replacing
from vbd.sections import Answers
from vbd.seeds import generator

Victim = Callable[[Tensor], Tensor]
Watch = Callable[[Tensor, Tensor], None]
# Not attributes: nothing that a thief holds leads to the model, its weights or its gradients.
_VICTIMS: "WeakKeyDictionary[Oracle, Victim]" = WeakKeyDictionary()


class BudgetExceeded(RuntimeError):
    """More clips than the budget has left; none of them was sent."""


class Oracle:
    """Answers of a victim, each clip counted once, whoever asks.

    ``victim`` takes clips (N, T, H, W, 3), pixels in 0-255, and gives probabilities (N, classes):
    any function, or ``probabilities(model)``. ``budget`` is in clips. ``answers`` says what of the
    probabilities is let out, noise being drawn from ``seed``. ``watch`` sees clips and answers, as
    a monitor in front of a victim does.

    ``log`` is a file of JSON lines: each batch before it is asked, then the answers. An oracle on
    the log of one that was killed gives the old answers to the old questions, in their order, and
    counts none of them twice; what was asked in vain stays counted.
    """

    def __init__(
        self,
        victim: Victim,
        *,
        budget: int,
        answers: Answers | None = None,
        log: Path | None = None,
        watch: Watch | None = None,
        seed: int = 0,
        batch_size: int = 64,
    ) -> None:
        if budget < 1:
            raise ValueError(f"a budget of {budget} clips: an oracle needs one or more to answer")
        _VICTIMS[self] = victim
        self.budget, self.answers = budget, answers or Answers()
        self.watch, self.seed, self.batch_size = watch, seed, batch_size
        self._record = _Record(log) if log else None
        self.by_phase = Counter(spent(log) if log else {})
        # Where a run is that asks again what one before it has asked.
        self.asked = 0

    @property
    def spent(self) -> int:
        """Clips sent so far, in all runs on the same log."""
        return self.by_phase.total()

    @property
    def left(self) -> int:
        """Clips that may still be asked about; those whose answers are on record cost nothing."""
        recorded = self._record.answered if self._record else 0
        return self.budget - self.spent + recorded

    def __call__(self, clips: Tensor, phase: str = "transfer") -> Tensor:
        """Answers (N, classes) to ``clips`` (N, T, H, W, 3), uint8 or float in 0-255, detached.

        ``phase`` is what they are counted under. Raises BudgetExceeded where they are more than
        are left, and ValueError where they are no clips: then nothing is sent or counted.
        ValueError too where what the victim gives are no probabilities: then the message says how
        many clips that cost.
        """
        self._check(clips)
        found = []
        for batch in clips.detach().split(self.batch_size):
            seen = self._record.again(batch, phase) if self._record else None
            if seen is None:
                seen = self._ask(batch, phase)
            self.asked += len(batch)
            found.append(seen.to(batch.device))
            if self.watch:
                self.watch(batch, found[-1])
        return torch.cat(found)

    def _ask(self, batch: Tensor, phase: str) -> Tensor:
        draws = generator(self.seed, "answers", self.asked)
        self.by_phase[phase] += len(batch)
        if self._record:
            # Before the question: one that a kill leaves without an answer was paid for too.
            self._record.question(batch, phase)
        # Not inference mode: what is answered may take part in a clone's own gradient.
        with torch.no_grad():
            raw = _VICTIMS[self](batch).float()
        self._see_probabilities(raw, len(batch))
        seen = let_out(raw, self.answers, draws)
        if self._record:
            self._record.answer(seen)
        return seen

    def _check(self, clips: Tensor) -> None:
        if clips.dim() != 5 or clips.shape[-1] != 3 or not len(clips):
            raise ValueError(f"clips are (N, T, H, W, 3), these are {tuple(clips.shape)}: not sent")
        if clips.dtype != torch.uint8 and not (clips.min() >= 0 and clips.max() <= 255):
            raise ValueError("pixels are in 0 to 255, and some of these are not: not sent")
        if len(clips) > self.left:
            raise BudgetExceeded(
                f"{len(clips)} clips are asked about and {self.left} of a budget of {self.budget} "
                "are left: nothing was sent"
            )

    def _see_probabilities(self, values: Tensor, clips: int) -> None:
        sums = values.sum(1) if values.dim() == 2 else values.new_zeros(1)
        # NaN fails each of these comparisons.
        if len(values) == clips and (values >= 0).all() and ((sums - 1).abs() < 1e-3).all():
            return
        raise ValueError(
            "the victim's answers are no probabilities (N, classes) that sum to 1, but "
            f"{tuple(values.shape)} such as {values.flatten()[:4].tolist()}: is a softmax missing? "
            f"{self.spent} clips of the budget of {self.budget} were spent"
        )


class _Record:
    """Questions and answers in a file, and those of a run before this one that hold again."""

    def __init__(self, log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and not (text := log.read_text()).endswith("\n"):
            # Half a line, as a kill leaves it: what is written next must not be glued to it.
            log.write_text(text[: text.rfind("\n") + 1])
        self._known: deque[dict[str, Any]] = deque()
        for line in _lines(log):
            if "answers" in line:
                self._known[-1] |= line
            else:
                self._known.append(line)

    @property
    def answered(self) -> int:
        """Clips whose answers are on record and were not yet asked for again."""
        return sum(line["clips"] for line in self._known if "answers" in line)

    def again(self, batch: Tensor, phase: str) -> Tensor | None:
        """The answers on record to ``batch``, None where it was not asked at this point."""
        if not self._known:
            return None
        line = self._known.popleft()
        if "answers" in line and (line["phase"], line["sha256"]) == (phase, _sha256(batch)):
            values = np.frombuffer(b64decode(line["answers"]), np.float32)
            return torch.from_numpy(values.copy()).view(len(batch), -1)
        # Other questions from here on: what stands behind belongs to another run.
        if "answers" in line:
            self._known.clear()
        return None

    def question(self, batch: Tensor, phase: str) -> None:
        """Note what is about to be asked."""
        self._append({"phase": phase, "clips": len(batch), "sha256": _sha256(batch)})

    def answer(self, seen: Tensor) -> None:
        """Note what was answered."""
        self._append({"answers": b64encode(seen.cpu().numpy().tobytes()).decode()})

    def _append(self, line: dict[str, Any]) -> None:
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _sha256(batch: Tensor) -> str:
    return hashlib.sha256(batch.cpu().contiguous().numpy().data).hexdigest()


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


def probabilities(model: nn.Module) -> Victim:
    """The function from clips to probabilities that a service makes of ``model``."""
    model.eval()
    device = next(model.parameters()).device
    return lambda clips: model(clips.to(device)).softmax(1)

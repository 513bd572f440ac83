"""The one door to a victim: it counts what is asked, refuses beyond the budget, and keeps a log."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from vbd.extraction.answers import let_out
from vbd.extraction.record import Record, spent
from vbd.sections.theft import Answers
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
        log: Path | str | None = None,
        watch: Watch | None = None,
        seed: int = 0,
        batch_size: int = 64,
    ) -> None:
        if budget < 1:
            raise ValueError(f"a budget of {budget} clips: an oracle needs one or more to answer")
        _VICTIMS[self] = victim
        self.budget, self.answers = budget, answers or Answers()
        self.watch, self.seed, self.batch_size = watch, seed, batch_size
        self._record = Record(Path(log)) if log else None
        self.by_phase = Counter(spent(Path(log)) if log else {})
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


def probabilities(model: nn.Module) -> Victim:
    """The function from clips to probabilities that a service makes of ``model``."""
    model.eval()
    device = next(model.parameters()).device
    return lambda clips: model(clips.to(device)).softmax(1)

"""The transfer set: questions and answers, on disk; clones train from it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vbd import results
from vbd.extraction.answers import understood
from vbd.extraction.oracle import Oracle
from vbd.extraction.sources import Kept, Source
from vbd.files import replacing

# In bytes: a gibibyte, of which a machine that trains a clone has several.
_ROOM = 2**30
# What a set holds of each question, in the order in which a collector notes it.
_COLUMNS = ("recipes", "answers", "truth", "asked")


@dataclass(frozen=True, kw_only=True)
class TransferSet:
    """Clips by their ``recipes`` (N, numbers), which ``source`` makes them of, and what was said.

    ``answers`` (N, classes) are probabilities; ``truth`` (N,) the true classes, -1 where the thief
    does not know them. ``asked`` (N,): how many clips the victim had been sent by then, those that
    are in no transfer set (the probes of a gradient) included.
    """

    source: Source
    recipes: Tensor
    answers: Tensor
    truth: Tensor
    asked: Tensor

    def __len__(self) -> int:
        return len(self.recipes)

    @property
    def labels(self) -> Tensor:
        """(N, classes + 1), as ``losses.Criterion`` takes them: the answers, then the truth."""
        return torch.cat([self.answers, self.truth[:, None].to(self.answers)], 1)

    def prefix(self, budget: int) -> TransferSet:
        """What the thief had when ``budget`` clips had been sent: sets of budgets are nested."""
        kept = self.asked <= budget
        return replace(self, **{name: getattr(self, name)[kept] for name in _COLUMNS})

    def in_memory(self) -> TransferSet:
        """The same with its clips made once, where they fit; else it makes them for each batch."""
        size = len(self) * self.source.clips(self.recipes[:1]).numel() if len(self) else 0
        if isinstance(self.source, Kept) or size > _ROOM:
            return self
        clips = [self.source.clips(part) for part in self.recipes.split(64)]
        positions = torch.arange(len(self)).double()[:, None]
        return replace(self, source=Kept(torch.cat(clips).numpy()), recipes=positions)

    def training_batch(
        self, positions: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """The pixels (B, T, H, W, 3) uint8 at ``positions``, just as the victim was sent them."""
        return self.source.clips(self.recipes[positions]).to(device)

    def save(self, folder: Path) -> None:
        """Write it to ``folder``: transfer.npz, and clips.npy, empty where recipes do."""
        kept = self.source.pixels if isinstance(self.source, Kept) else np.empty(0, np.uint8)
        with replacing(folder / "clips.npy") as temporary:
            np.save(temporary, kept)
        arrays = {name: getattr(self, name).numpy() for name in _COLUMNS}
        results.write_arrays(folder / "transfer.npz", **arrays)

    @classmethod
    def open(cls, folder: Path, source: Source | None) -> TransferSet:
        """The set in ``folder``; ``source`` makes its clips, None where they are kept there.

        Raises ValueError where neither is the case.
        """
        kept = np.load(folder / "clips.npy", mmap_mode="r")
        if len(kept):
            source = Kept(kept)
        elif source is None:
            raise ValueError(f"{folder} keeps no clips, and its method makes none of recipes")
        with np.load(folder / "transfer.npz") as arrays:
            return cls(source=source, **{name: torch.from_numpy(arrays[name]) for name in arrays})


class Collector:
    """Asks an oracle and keeps what a clone is to learn from."""

    def __init__(self, oracle: Oracle, source: Source | None = None) -> None:
        """``source`` makes clips of recipes; without one, clips are kept as they are asked."""
        self._oracle, self._source = oracle, source
        self._rows: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self._pixels: list[Tensor] = []

    def __len__(self) -> int:
        return sum(len(recipes) for recipes, *_ in self._rows)

    def ask(self, recipes: Tensor, truth: Tensor | None = None) -> Tensor:
        """Answers (N, classes), as probabilities, to the clips that ``recipes`` stand for.

        ``truth`` (N,): their true classes, where known. Raises BudgetExceeded.
        """
        if self._source is None:
            raise ValueError("clips that are kept are asked about by ``ask_clips``")
        found = []
        # A batch at a time: no more clips than a batch are ever in memory.
        for part in torch.arange(len(recipes)).split(self._oracle.batch_size):
            clips = self._source.clips(recipes[part])
            known = torch.full((len(part),), -1) if truth is None else truth[part]
            found.append(self._asked(clips, recipes[part], known))
        return torch.cat(found)

    def ask_clips(self, clips: Tensor, *, exact: bool = False, phase: str = "transfer") -> Tensor:
        """The same of ``clips`` (N, T, H, W, 3), which are kept, as 8 bits.

        So are they sent, unless ``exact``: where a gradient is estimated by small differences from
        these very answers.
        """
        pixels = clips.detach().clamp(0, 255).round().to(torch.uint8)
        first = len(self)
        positions = torch.arange(first, first + len(pixels)).double()[:, None]
        unknown = torch.full((len(pixels),), -1)
        found = self._asked(clips if exact else pixels, positions, unknown, phase)
        self._pixels.append(pixels.cpu())
        return found

    def again(self, number: int) -> tuple[Tensor, Tensor]:
        """The clips (N, T, H, W, 3) uint8 of one call of ``ask_clips``, -1 the last; the answers.

        Raises IndexError where there was no such call.
        """
        # No copy: ten thousand clips of full size are 48 GB as bytes, four times that as floats.
        return self._pixels[number], self._rows[number][1]

    def _asked(
        self, clips: Tensor, recipes: Tensor, truth: Tensor, phase: str = "transfer"
    ) -> Tensor:
        before = self._oracle.asked
        answers = understood(self._oracle(clips, phase), self._oracle.answers)
        asked = torch.arange(before + 1, before + 1 + len(clips))
        self._rows.append((recipes, answers.cpu(), truth, asked))
        return answers

    def done(self) -> TransferSet:
        """All that was asked. Raises ValueError where that is nothing."""
        if not self._rows:
            raise ValueError("nothing was asked: the budget is smaller than what comes before")
        columns = [torch.cat(parts) for parts in zip(*self._rows, strict=True)]
        source = self._source or Kept(torch.cat(self._pixels).numpy())
        return TransferSet(source=source, **dict(zip(_COLUMNS, columns, strict=True)))

"""Trigger inversion: of a family of functions, the smallest that turns clips to a class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.data.labelled import Labelled
from vbd.defenses.families import FAMILIES
from vbd.defenses.families.base import Family, Function
from vbd.defenses.reconstruction import frozen
from vbd.defenses.slices import slices
from vbd.ranges import Above0, Count, Ratio
from vbd.seeds import generator

# The longest way that one clip is from a class, in nats: one alone must not decide.
FURTHEST = 12


@dataclass(frozen=True)
class Inverted:
    """The smallest function of ``family`` found that turns clips of other classes to ``target``.

    ``raw`` are its parameters (1, ...), on the CPU; ``size`` is how far it is from the identity, by
    the family's own measure, and ``success`` the share of the clips that it turns.
    """

    target: int
    family: str
    raw: list[Tensor]
    size: float
    success: float

    @property
    def effort(self) -> float:
        """The size in proportion to the success: what it would take to turn all clips."""
        # One that turns nothing takes a lot, and not no end: the others are compared with it.
        return self.size / max(self.success, 0.02)

    def trigger(self) -> Function:
        """It, to be put on clips (N, T, H, W, 3), uint8."""
        return Function(FAMILIES[self.family], self.raw)


def invert(
    model: nn.Module,
    clean: Labelled,
    family: str,
    targets: Sequence[int],
    *,
    seed: int,
    starts: Count = 32,
    rounds: Count = 10,
    steps: Count = 6,
    batch_size: Count = 4,
    lr: Above0 = 0.1,
    cost: Above0 = 1.0,
    confidence: Ratio = 0.5,
    success: Ratio = 0.9,
) -> list[Inverted]:
    """Search the smallest function of ``family`` for each class of ``targets`` on ``clean`` clips.

    It starts from the best of ``starts`` functions drawn, each class from its own. The loss is the
    cross-entropy of clips of other classes plus a cost times the size. A round is ``steps`` of Adam
    at ``lr``, on ``batch_size`` clips each; the cost starts at ``cost``, and rises by 1.7 after a
    round in which the share of clips turned, with the probability ``confidence``, was at least
    ``success``, and falls by as much after any other. The smallest that did is measured on all the
    clips; where none did, the one that turned most. The model comes back as it was.
    """
    search = _Search(model, clean, FAMILIES[family], list(targets), seed)
    with frozen(model):
        search.start(starts, cost, lr)
        for number in range(rounds):
            shares, sizes = search.round(number, steps, batch_size, confidence)
            search.keep(shares, sizes, success)
        sizes, shares = search.measured()
    return [
        Inverted(target, family, [values[[k]].cpu() for values in search.best], size, share)
        for k, (target, size, share) in enumerate(
            zip(targets, sizes.tolist(), shares.tolist(), strict=True)
        )
    ]


class _Search:
    """The search for all classes at once, whose parameters, costs and bests are their own."""

    def __init__(
        self, model: nn.Module, clean: Labelled, family: Family, targets: list[int], seed: int
    ) -> None:
        self.model, self.clean, self.family, self.seed = model, clean, family, seed
        self.device = next(model.parameters()).device
        self.targets = torch.tensor(targets, device=self.device)

    def start(self, count: int, cost: float, lr: float) -> None:
        """Draw ``count`` functions; each class starts from the one that comes closest to it."""
        draws = generator(self.seed, "inversion starts")
        shape = self.clean.training_batch(torch.tensor([0]), draws, self.device).shape[1:]
        drawn = [values.to(self.device) for values in self.family.starts(shape, count, draws)]
        score = torch.zeros(count, len(self.targets), device=self.device)
        for _ in range(2):
            batch, other = self._batch(6, draws)
            weights = other / other.sum(1, keepdim=True).clamp(min=1)
            with torch.inference_mode():
                for some, part, marked, sizes in self._passes(drawn, batch, draws):
                    odds = self.model(marked.flatten(0, 1)).log_softmax(1)[:, self.targets]
                    near = odds.clamp(min=-FURTHEST).unflatten(0, marked.shape[:2])
                    score[some] += torch.einsum("fbk,kb->fk", near, weights[:, part])
                    score[some] -= cost * sizes[:, None] * marked.shape[1] / len(batch)
        chosen = score.argmax(0)
        self.raw = [values[chosen].clone().requires_grad_() for values in drawn]
        self.best = [values.detach().clone() for values in self.raw]
        self.optimizer = torch.optim.Adam(self.raw, lr, betas=(0.5, 0.9))
        nothing = torch.zeros(len(self.targets), device=self.device)
        self.cost, self.smallest, self.most = nothing + cost, nothing + torch.inf, nothing.clone()

    def round(
        self, number: int, steps: int, batch_size: int, confidence: float
    ) -> tuple[Tensor, Tensor]:
        """So many steps of each class: shares (A,) of the clips turned on the way, and sizes."""
        draws = generator(self.seed, "inversion round", number)
        turned, tried, sizes = (torch.zeros_like(self.cost) for _ in range(3))
        for _ in range(steps):
            batch, other = self._batch(batch_size, draws)
            weights = other / other.sum(1, keepdim=True).clamp(min=1)
            self.optimizer.zero_grad()
            for some, part, marked, size in self._passes(self.raw, batch, draws):
                share, shape = marked.shape[1] / len(batch), marked.shape[:2]
                logits = self.model(marked.flatten(0, 1))
                labels = self.targets[some].repeat_interleave(shape[1])
                losses = F.cross_entropy(logits, labels, reduction="none").view(shape)
                # A sum: no class sees another.
                costs = share * self.cost[some] * size
                ((losses * weights[some, part]).sum(1) + costs).sum().backward()
                sure = logits.detach().softmax(1).gather(1, labels[:, None]) >= confidence
                turned[some] += (sure.view(shape) * other[some, part]).sum(1)
                sizes[some] += share * size.detach() / steps
            self.optimizer.step()
            tried += other.sum(1)
        return turned / tried.clamp(min=1), sizes

    def keep(self, shares: Tensor, sizes: Tensor, success: float) -> None:
        """Keep what is the best so far, and adapt the costs."""
        enough = shares >= success
        # Until one turns enough, the one that turned most; a later one had more steps.
        better = (enough & (sizes < self.smallest)) | (
            self.smallest.isinf() & (shares >= self.most)
        )
        for best, values in zip(self.best, self.raw, strict=True):
            best[better] = values.detach()[better]
        self.most = torch.where(better, shares, self.most)
        self.smallest = torch.where(better & enough, sizes, self.smallest)
        self.cost = torch.where(enough, self.cost * 1.7, self.cost / 1.7)

    def measured(self) -> tuple[Tensor, Tensor]:
        """Sizes and shares (A,) of clips of other classes turned, of the best, on all clips."""
        draws, sizes = generator(self.seed, "inversion measured"), torch.zeros_like(self.cost)
        turned, tried = torch.zeros_like(sizes), torch.zeros_like(sizes)
        with torch.inference_mode():
            for positions in torch.arange(len(self.clean)).split(8):
                batch, other = self._batch(positions, draws)
                tried += other.sum(1)
                for some, part, marked, size in self._passes(self.best, batch, draws):
                    taken = self.model(marked.flatten(0, 1)).argmax(1).view(marked.shape[:2])
                    right = taken == self.targets[some, None]
                    turned[some] += (right * other[some, part]).sum(1)
                    sizes[some] += size * marked.shape[1] / len(self.clean)
        return sizes, turned / tried.clamp(min=1)

    def _passes(
        self, raw: Sequence[Tensor], batch: Tensor, draws: torch.Generator
    ) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
        """Slices of the functions ``raw`` and of ``batch``, what they make of it, their sizes."""
        state = draws.get_state()
        for some, part in slices(len(raw[0]), batch.shape):
            if not part.start:
                # What is random is the same for all functions.
                draws.set_state(state)
            functions, clips = [values[some] for values in raw], batch[part]
            marked = self.family.apply(functions, clips, draws)
            yield some, part, marked, self.family.size(functions, clips, marked)

    def _batch(self, which: int | Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """So many clips, or those at positions (B,), float, and which (A, B) are of other classes.

        Those of the class itself would count as turned without any function.
        """
        if isinstance(which, int):
            which = torch.randint(len(self.clean), (which,), generator=draws)
        batch = self.clean.training_batch(which, draws, self.device).float()
        labels = self.clean.labels[which].to(self.device)
        return batch, (labels != self.targets[:, None]).float()

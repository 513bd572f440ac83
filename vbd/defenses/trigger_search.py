"""The search for the smallest triggers of some classes, side by side, one step and one round."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vbd.defenses.recovered import Recovered
from vbd.defenses.slices import slices
from vbd.seeds import generator


class Search:
    """Searches for the triggers of the classes ``targets`` (Wang et al. 2019), in pixels.

    ``shape`` (T, H, W, 3) is that of a clip; the other settings are those of ``reconstruct``. Each
    class starts from noise that ``seed`` and its number decide. None sees another: its gradient,
    its state in the optimiser and its cost are its own, only the passes through the model are
    shared.
    """

    def __init__(
        self,
        targets: Sequence[int],
        shape: Sequence[int],
        seed: int,
        device: torch.device,
        *,
        lr: float,
        cost: float,
        confidence: float,
        temporal: bool,
        block: int,
    ) -> None:
        started = (_start(target, shape, seed, temporal, block) for target in targets)
        starts = zip(*started, strict=True)
        self.raw = [torch.stack(parts).to(device).requires_grad_() for parts in starts]
        # Adam keeps its state element by element and starts anew here: state that one class leaves
        # to the next is a fault of public code.
        self.optimizer = torch.optim.Adam(self.raw, lr, betas=(0.5, 0.9))
        self.targets = torch.tensor(targets, device=device)
        self.block, self.size = block, shape[1:3]
        self.confidence, self.active = confidence, torch.arange(len(targets), device=device)
        zeros = torch.zeros_like(self.targets)
        self.cost, self.hits = zeros + cost, zeros.clone()
        # The smallest that worked so far; where none did, the last one, of a norm without bound.
        self.masks, self.patterns = (part.detach() for part in self.triggers())
        self.norms, self.shares = zeros + torch.inf, zeros.float()
        self.rounds, self.idle = zeros.clone(), zeros.clone()
        self.successes, self.failures = zeros.clone(), zeros.clone()
        self.raised, self.lowered = zeros.bool(), zeros.bool()

    def triggers(self) -> tuple[Tensor, Tensor]:
        """Masks (A, 1, 1 or T, H, W, 1) in 0-1 and patterns (A, 1, 1, H, W, 3) in 0-255.

        Of the classes that are not done, as they are now.
        """
        mask, pattern, *weights = [(raw[self.active].tanh() + 1) / 2 for raw in self.raw]
        if self.block > 1:
            for dim, size in zip((2, 3), self.size, strict=True):
                # The last square may reach beyond the frame.
                mask = mask.repeat_interleave(self.block, dim).narrow(dim, 0, size)
        return (mask * weights[0] if weights else mask)[:, None], 255 * pattern[:, None]

    def step(self, model: nn.Module, batch: Tensor) -> None:
        """One step of every class on ``batch`` (B, T, H, W, 3), float in 0-255."""
        self.optimizer.zero_grad()
        for classes, part in slices(len(self.active), batch.shape):
            masks, patterns = (values[classes] for values in self.triggers())
            some, at = batch[part], self.active[classes]
            # A mask for each colour: arithmetic on whole rows is several times faster than on
            # pixels. In pixels: what is blended after normalisation need not be a picture.
            marked = some.lerp(patterns, masks.repeat(1, 1, 1, 1, 1, 3))
            logits = model(marked.flatten(0, 1))
            labels = self.targets[at].repeat_interleave(len(some))
            losses = F.cross_entropy(logits, labels, reduction="none").view(len(at), -1).sum(1)
            # A mean over the clips, and a sum over the classes: then the step of a class does not
            # depend on how many stand beside it. Of the norm each slice has its share.
            share = len(some) / len(batch)
            loss = (losses / len(batch) + share * self.cost[at] * _norms(masks)).sum()
            loss.backward()
            sure = logits.detach().softmax(1).gather(1, labels[:, None]) >= self.confidence
            self.hits[at] += sure.view(len(at), -1).sum(1)
        self.optimizer.step()

    def judge(self, count: int, *, success: float, patience: int, stop: int) -> None:
        """End a round of ``count`` clips: keep the triggers that are the best, adapt the costs.

        A class is done once its cost was too low, then too high, and its mask has not become
        smaller by a hundredth for ``stop`` rounds.
        """
        at, (masks, patterns) = self.active, (part.detach() for part in self.triggers())
        norms, shares, before = _norms(masks), self.hits[self.active] / count, self.norms[at]
        turned = shares >= success
        smaller = turned & (norms < before)
        # Until one works, the last one is kept.
        taken = smaller | before.isinf()
        kept = at[taken]
        self.masks[kept], self.patterns[kept] = masks[taken], patterns[taken]
        self.shares[kept] = shares[taken]
        self.norms[at] = torch.where(smaller, norms, before)
        self.rounds[at] += 1
        self.idle[at] = torch.where(turned & (norms < 0.99 * before), 0, self.idle[at] + 1)
        self._adapt(at, turned, patience)
        self.hits.zero_()
        done = self.raised & self.lowered & (self.idle >= stop)
        self.active = (~done).nonzero().squeeze(1)

    def _adapt(self, at: Tensor, turned: Tensor, patience: int) -> None:
        """Double a cost after so many successes in a row, lower it after as many failures."""
        self.successes[at] = torch.where(turned, self.successes[at] + 1, 0)
        self.failures[at] = torch.where(turned, 0, self.failures[at] + 1)
        low, high = self.successes == patience, self.failures == patience
        self.cost[low] *= 2
        self.cost[high] /= 2**1.5
        self.successes[low], self.failures[high] = 0, 0
        self.raised, self.lowered = self.raised | low, self.lowered | high

    def results(self) -> list[Recovered]:
        """The smallest trigger of each class that worked; where none did, the last one."""
        masks, patterns = self.masks[:, 0].cpu(), self.patterns[:, 0, 0].cpu()
        figures = zip(
            self.targets.tolist(),
            masks,
            patterns,
            _norms(self.masks).tolist(),
            self.shares.tolist(),
            self.rounds.tolist(),
            strict=True,
        )
        return [Recovered(*row) for row in figures]


def _start(
    target: int, shape: Sequence[int], seed: int, temporal: bool, block: int
) -> list[Tensor]:
    """Mask, pattern and, if ``temporal``, frame weights that a search starts from, before tanh."""
    t, height, width, _ = shape
    draws = generator(seed, "trigger", target)
    # Uniform in 0-1 behind tanh, as published; frame weights start near 1.
    squares = (-(-height // block), -(-width // block))
    shapes = [(1, *squares, 1), (1, height, width, 3)]
    # Short of -1 and 1, where atanh is infinite.
    raw = [torch.atanh(2 * torch.rand(size, generator=draws) * 0.999 - 0.999) for size in shapes]
    return [*raw, torch.full((t, 1, 1, 1), 2.0)] if temporal else raw


def _norms(masks: Tensor) -> Tensor:
    """L1 norms (A,) of masks (A, 1, 1 or T, H, W, 1), the mean over their frames."""
    return masks.sum((3, 4, 5)).mean((1, 2))

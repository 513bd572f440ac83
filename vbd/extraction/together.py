"""A generator that is trained along with the clone: what MAZE and DFME have in common."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from vbd.extraction import zeroth_order
from vbd.extraction.answers import understood
from vbd.extraction.base import Method, Scene
from vbd.extraction.generators import Generator
from vbd.extraction.transfer import Collector, TransferSet

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How often what is done in an iteration, and how: ``batch`` clips, so many steps of each kind.

    ``directions`` and ``step`` are those of the estimated gradient. ``factor``: the perturbed
    tensor is so many times smaller than the clip along each axis; 1 is the published way.
    ``reuse``: the first step of the clone learns from the answers to the generator's own clips.
    ``replay`` is how many of the latest clips may be learnt from again.
    """

    batch: int
    generator_steps: int
    clone_steps: int
    replay_steps: int
    directions: int
    step: float
    factor: int
    clone_lr: float
    generator_lr: float
    reuse: bool
    replay: int
    noise: int
    width: int

    @property
    def queries(self) -> int:
        """Clips that an iteration asks about."""
        each = self.generator_steps * (1 + self.directions)
        return self.batch * (each + self.clone_steps - self.reuse)


class Together(Method):
    """Base of both: the generator looks for clips on which clone and victim are apart.

    Its gradient is estimated through the victim from values alone, with clips as they are before
    tanh. The clone in the loop is only there for the generator: the one that is kept learns from
    the whole transfer set afterwards.
    """

    clone = True
    settings: Settings
    loss: Loss

    def least(self) -> int:
        return self.settings.queries

    def ask(self, scene: Scene) -> TransferSet:
        s = self.settings
        if scene.oracle.budget < s.queries:
            raise ValueError(
                f"a budget of {scene.oracle.budget} clips is smaller than one iteration, which "
                f"asks about {s.queries}: a larger budget or a smaller batch"
            )
        run = _Run(scene, s, self.loss)
        rounds = range(scene.oracle.budget // s.queries)
        for _ in tqdm(rounds, "iterations", disable=None, leave=False):
            # Fewer where a kill has left questions without answers: those were paid for.
            if scene.oracle.left < s.queries:
                break
            for _ in range(s.generator_steps):
                run.train_generator()
            for number in range(s.clone_steps):
                run.train_clone(fresh=number > 0 or not s.reuse)
            for _ in range(s.replay_steps):
                run.replay()
        # Not enough for an iteration, and yet paid for.
        while scene.oracle.left:
            run.ask(min(s.batch, scene.oracle.left))
        return run.collector.done()


class _Run:
    """Both networks, their optimisers, and what was asked so far."""

    def __init__(self, scene: Scene, settings: Settings, loss: Loss) -> None:
        self.scene, self.s, self.loss = scene, settings, loss
        self.clone = scene.clone()
        device = next(self.clone.parameters()).device
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=scene.generator)))
        self.generator = Generator(
            scene.shape, factor=settings.factor, noise=settings.noise, width=settings.width
        ).to(device)
        self.clone_steps = torch.optim.Adam(self.clone.parameters(), settings.clone_lr)
        self.steps = torch.optim.Adam(self.generator.parameters(), settings.generator_lr)
        self.collector = Collector(scene.oracle)
        self.device, self.batches = device, 0

    def train_generator(self) -> None:
        """One step towards clips on which the clone's answers are further from the victim's."""
        self.clone.eval()
        at = self.generator(self.generator.draw(self.s.batch, self.scene.generator))
        clips = self.generator.clips(at).detach()
        base = self._ask(clips, exact=True) if self.s.reuse else self._answers(clips)
        with torch.no_grad():
            slope = zeroth_order.gradient(
                self._apart,
                at.detach(),
                self._loss(clips, base),
                directions=self.s.directions,
                step=self.s.step,
                scaled=True,
                generator=self.scene.generator,
            )
        if self.scene.observe:
            self.scene.observe(at, self.generator.clips, self._loss, slope)
        self.steps.zero_grad()
        # Uphill; the mean over the batch, as the papers have it.
        at.backward(-slope / len(at))
        self.steps.step()

    def train_clone(self, *, fresh: bool) -> None:
        """One step of the clone on new clips, or on those that the generator was trained by."""
        if fresh:
            self.ask(self.s.batch)
        self._learn(-1)

    def ask(self, count: int) -> None:
        """Generate clips, ask about ``count`` of them and keep these."""
        # A whole batch even for a few: they look as its statistics have it.
        with torch.no_grad():
            noise = self.generator.draw(self.s.batch, self.scene.generator)
            clips = self.generator.clips(self.generator(noise))
        self._ask(clips[:count])

    def replay(self) -> None:
        """One step of the clone on a batch that was asked about before."""
        latest = max(1, min(self.batches, self.s.replay // self.s.batch))
        self._learn(-1 - int(torch.randint(latest, (1,), generator=self.scene.generator)))

    def _learn(self, number: int) -> None:
        """One step of the clone on the batch of that number."""
        clips, answers = (part.to(self.device) for part in self.collector.again(number))
        self.clone.train()
        self.clone_steps.zero_grad()
        self.loss(self.clone(clips), answers).mean().backward()
        self.clone_steps.step()

    def _ask(self, clips: Tensor, *, exact: bool = False) -> Tensor:
        self.batches += 1
        return self.collector.ask_clips(clips, exact=exact)

    def _answers(self, clips: Tensor) -> Tensor:
        return understood(self.scene.oracle(clips, "probes"), self.scene.oracle.answers)

    def _apart(self, point: Tensor) -> Tensor:
        clips = self.generator.clips(point)
        return self._loss(clips, self._answers(clips))

    def _loss(self, clips: Tensor, answers: Tensor) -> Tensor:
        """How far the clone is from ``answers`` (N,)."""
        return self.loss(self.clone(clips), answers)

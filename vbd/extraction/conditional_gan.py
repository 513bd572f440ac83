"""A conditional generator, trained first on the victim's own labels, then used for every class."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from vbd.extraction.base import Method, Scene
from vbd.extraction.generators import Generator
from vbd.extraction.losses import kl
from vbd.extraction.transfer import Collector, TransferSet
from vbd.ranges import Above0, Count, From0, Ratio, Several, Size


class ConditionalGAN(Method):
    """Clips are generated for a wanted class; what the victim takes them for says how well.

    The published generator is trained on its own, before the clone. Its gradient comes through a
    surrogate, a clone that imitates the victim on all that it was asked so far (DaST, Zhou et al.
    2020): differences of the victim's own answers would cost a query each and, in as many
    dimensions as a clip has, tell next to nothing. Besides the wanted class it is rewarded where
    the surrogate's classes are evenly mixed over a batch. A share ``trained`` of the budget goes
    into that (phase "generator", from which a clone learns too), ``steps`` of both networks for
    each batch. Classes are wanted in turn: the clip i of the transfer set was made for i modulo
    their number.
    """

    clone = True

    def __init__(
        self,
        *,
        batch: Several = 32,
        trained: Ratio = 0.5,
        steps: Count = 5,
        evenness: From0 = 1.0,
        clone_lr: Above0 = 1e-3,
        generator_lr: Above0 = 1e-3,
        factor: Count = 2,
        noise: Size = 64,
        width: Size = 32,
    ) -> None:
        self.batch, self.trained, self.steps, self.evenness = batch, trained, steps, evenness
        self.rates = clone_lr, generator_lr
        self.size = {"factor": factor, "noise": noise, "width": width}

    def least(self) -> int:
        return 2 * self.batch

    def ask(self, scene: Scene) -> TransferSet:
        budget = scene.oracle.budget
        if budget < self.least():
            raise ValueError(
                f"a budget of {budget} clips is smaller than two batches, {self.least()}: one to "
                "train the generator with, one to ask with"
            )
        surrogate = scene.clone()
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=scene.generator)))
        generator = Generator(scene.shape, classes=scene.classes, **self.size)
        generator.to(next(surrogate.parameters()).device)
        steps = [
            torch.optim.Adam(network.parameters(), rate)
            for network, rate in zip((surrogate, generator), self.rates, strict=True)
        ]
        collector = Collector(scene.oracle)
        rounds = max(1, int(self.trained * budget) // self.batch)
        for asked in tqdm(range(1, rounds + 1), "generator", disable=None, leave=False):
            clips = self._generated(generator, scene, len(collector))
            collector.ask_clips(clips, phase="generator")
            for _ in range(self.steps):
                drawn = torch.randint(asked, (1,), generator=scene.generator)
                self._imitate(surrogate, steps[0], *collector.again(int(drawn)))
            for _ in range(self.steps):
                self._aim(generator, surrogate, steps[1], scene)
        while count := min(self.batch, scene.oracle.left):
            clips = self._generated(generator, scene, len(collector))
            collector.ask_clips(clips[:count])
        return collector.done()

    def _generated(self, generator: Generator, scene: Scene, first: int) -> Tensor:
        """A batch of clips (batch, T, H, W, 3), the first of them being number ``first`` of all."""
        noise = generator.draw(self.batch, scene.generator)
        # On from where the last batch ended: there may be more classes than clips in a batch.
        labels = torch.arange(first, first + self.batch) % scene.classes
        with torch.no_grad():
            return generator.clips(generator(noise, labels.to(noise.device)))

    def _imitate(
        self, surrogate: nn.Module, step: torch.optim.Optimizer, clips: Tensor, answers: Tensor
    ) -> None:
        device = next(surrogate.parameters()).device
        surrogate.train()
        step.zero_grad()
        kl(surrogate(clips.to(device)), answers.to(device)).mean().backward()
        step.step()

    def _aim(
        self,
        generator: Generator,
        surrogate: nn.Module,
        step: torch.optim.Optimizer,
        scene: Scene,
    ) -> None:
        """One step towards clips that the surrogate takes for the classes that are wanted."""
        surrogate.eval()
        noise = generator.draw(self.batch, scene.generator)
        labels = torch.randint(scene.classes, (self.batch,), generator=scene.generator)
        labels = labels.to(noise.device)
        logits = surrogate(generator.clips(generator(noise, labels)))
        mixed = logits.softmax(1).mean(0)
        step.zero_grad()
        loss = F.cross_entropy(logits, labels) - self.evenness * torch.special.entr(mixed).sum()
        loss.backward()
        step.step()


METHOD = ConditionalGAN

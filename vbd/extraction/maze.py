"""MAZE: data-free model stealing by estimated gradients (Kariyappa et al. 2021)."""

from vbd.extraction import losses
from vbd.extraction.together import Settings, Together
from vbd.ranges import Above0, Count, Several, Size, Whole


class Maze(Together):
    """A step of the generator, five of the clone and ten of replay an iteration, by KL divergence.

    An iteration asks about B ((N_C - 1) + (1 + m) N_G) clips: ``batch`` B, ``clone_steps`` N_C,
    ``directions`` m, ``generator_steps`` N_G. The learning rates are those of the reference, whose
    generator hardly moves at them.
    """

    loss = staticmethod(losses.kl)

    def __init__(
        self,
        *,
        batch: Several = 128,
        generator_steps: Count = 1,
        clone_steps: Count = 5,
        replay_steps: Whole = 10,
        directions: Count = 10,
        step: Above0 = 1e-3,
        factor: Count = 1,
        clone_lr: Above0 = 1e-3,
        generator_lr: Above0 = 1e-5,
        replay: Count = 10_000,
        noise: Size = 100,
        width: Size = 32,
    ) -> None:
        self.settings = Settings(
            batch=batch,
            generator_steps=generator_steps,
            clone_steps=clone_steps,
            replay_steps=replay_steps,
            directions=directions,
            step=step,
            factor=factor,
            clone_lr=clone_lr,
            generator_lr=generator_lr,
            reuse=True,
            replay=replay,
            noise=noise,
            width=width,
        )


METHOD = Maze

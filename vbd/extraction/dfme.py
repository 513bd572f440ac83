"""DFME: data-free model extraction (Truong et al. 2021)."""

from vbd.extraction import losses
from vbd.extraction.together import Settings, Together
from vbd.ranges import Above0, Count, Several, Size


class Dfme(Together):
    """A step of the generator and five of the clone an iteration, by L1 on log-probabilities.

    An iteration asks about B (g (m + 1) + d) clips: ``batch`` B, ``generator_steps`` g,
    ``directions`` m, ``clone_steps`` d.
    """

    loss = staticmethod(losses.l1)

    def __init__(
        self,
        *,
        batch: Several = 256,
        generator_steps: Count = 1,
        clone_steps: Count = 5,
        directions: Count = 1,
        step: Above0 = 1e-3,
        factor: Count = 1,
        clone_lr: Above0 = 1e-3,
        generator_lr: Above0 = 1e-4,
        noise: Size = 256,
        width: Size = 32,
    ) -> None:
        self.settings = Settings(
            batch=batch,
            generator_steps=generator_steps,
            clone_steps=clone_steps,
            replay_steps=0,
            directions=directions,
            step=step,
            factor=factor,
            clone_lr=clone_lr,
            generator_lr=generator_lr,
            reuse=False,
            replay=batch,
            noise=noise,
            width=width,
        )


METHOD = Dfme

"""DFME: data-free model extraction (Truong et al. 2021)."""

from vbd.extraction import losses
from vbd.extraction.together import Settings, Together


class Dfme(Together):
    """A step of the generator and five of the clone an iteration, by L1 on log-probabilities.

    An iteration asks about B (g (m + 1) + d) clips: ``batch`` B, ``generator_steps`` g,
    ``directions`` m, ``clone_steps`` d.
    """

    loss = staticmethod(losses.l1)

    def __init__(
        self,
        *,
        batch: int = 256,
        generator_steps: int = 1,
        clone_steps: int = 5,
        directions: int = 1,
        step: float = 1e-3,
        factor: int = 1,
        clone_lr: float = 1e-3,
        generator_lr: float = 1e-4,
        noise: int = 256,
        width: int = 32,
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

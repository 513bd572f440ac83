"""An autoencoder that trusted clips have taught, with what it takes to judge others by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from vbd.data.labelled import Labelled
from vbd.device import choose
from vbd.models import checkpoints
from vbd.models.vae import Vae
from vbd.ranges import Above0, Depth, From0, NotAll, Several, Size, Whole
from vbd.sections.model import Training
from vbd.seeds import generator, number
from vbd.training import fit, predict

MEASURES = ("mean", "max", "drawn", "drawn_square", "published")


@dataclass(frozen=True)
class Bound:
    """The loss of a VAE, of rows (N, 2) of its error and its KL divergence; labels are none."""

    kl: float

    def __call__(self, losses: Tensor, labels: Tensor) -> Tensor:
        """The mean error, and ``kl`` times the mean divergence."""
        error, divergence = losses.mean(0).unbind()
        return error + self.kl * divergence


@dataclass(frozen=True)
class Autoencoder:
    """A VAE and what it makes of the clean clips that its owner has.

    ``held_out`` are measures of trusted clips that it did not learn from (M,): ``mean`` and, of
    clips of several frames, ``max``; ``loss`` and ``deviation`` are the mean and the standard
    deviation over all values of all trusted clips, by latents that are drawn: their sum is the
    published threshold. ``params`` are those of the network.
    """

    network: Vae
    params: dict[str, Any]
    held_out: dict[str, list[float]]
    loss: float
    deviation: float

    def measures(self, some: Labelled, seed: int) -> dict[str, Tensor]:
        """What tells ``some`` clips from clean ones (N,) each, by the names in ``MEASURES``.

        Errors of pixels in 0-1. ``mean``: over a clip; ``max``: of its worst frame; ``drawn`` and
        ``drawn_square``: the mean, and that of the squares, by latents that ``seed`` draws;
        ``published``: by these, mean and standard deviation over a frame's values added up, the
        mean over frames.
        """
        return measured(self.network, some, seed)

    def save(self, path: Path) -> None:
        """Write it to ``path`` (.safetensors), all but the weights into the card beside it."""
        known = {"held_out": self.held_out, "loss": self.loss, "deviation": self.deviation}
        card = {"architecture": "vae", "params": self.params, "clean": known}
        checkpoints.save(self.network, path, **card)

    @classmethod
    def load(cls, path: Path) -> "Autoencoder":
        """The inverse of ``save``. Raises FileNotFoundError, or ValueError where it is none."""
        if path.suffix != ".safetensors":
            raise ValueError(f"{path} is no VAE: `vbd vae` writes one, a .safetensors file")
        card = checkpoints.card_of(path, needs=("architecture", "params"))
        if card["architecture"] != "vae":
            raise ValueError(f"{path} holds a {card['architecture']}: `vbd vae` makes a VAE")
        try:
            network = Vae(**card["params"])
            checkpoints.fill(network, path)
            return cls(network.eval().to(choose()), card["params"], **card["clean"])
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"{path.with_suffix('.json')} is no card of a VAE ({error}): `vbd vae` writes one"
            ) from None


def teach(
    clean: Labelled,
    *,
    seed: int,
    latent: Size = 1000,
    channels: Sequence[Size] = (3, 32, 64, 64, 64),
    strides: Sequence[Depth] = (1, 1, 2, 2, 1),
    temporal: bool = False,
    kl: From0 = 0.0,
    held_out: NotAll = 0.25,
    epochs: Whole = 5,
    batch_size: Several = 32,
    lr: Above0 = 5e-5,
    schedule: Literal["one_cycle", "constant"] = "constant",
    resume: Path | None = None,
) -> Autoencoder:
    """A VAE of ``clean`` clips, on the device that is free.

    Adam on the mean absolute error plus ``kl`` times the KL divergence. It sees single frames, or
    with ``temporal`` whole clips. The share ``held_out`` of the recordings is kept from it, to
    judge by.
    ``latent``, ``channels`` and ``strides`` are those of ``Vae``. The defaults are the published
    settings for CSAW-HackML-2020, which have no divergence and hold nothing out. Raises ValueError
    where ``clean`` has fewer than two clips, or where training diverges.
    """
    if len(clean) < 2:
        raise ValueError(f"a VAE needs two trusted clips, one to judge by, and has {len(clean)}")
    order, apart = _divided(clean, held_out, seed)
    shape = clean.training_batch(order[:1], generator(seed), torch.device("cpu")).shape
    params: dict[str, Any] = {
        "size": list(shape[2:4]),
        "frames": shape[1] if temporal else None,
        "channels": list(channels),
        "strides": list(strides),
        "latent": latent,
    }
    torch.manual_seed(number(seed, "weights"))
    network = Vae(**params).to(choose())
    taught = unlabelled(clean.subset(order[apart:]), single=not temporal)
    settings = Training(
        epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=0.0, schedule=schedule
    )
    fit(network, taught, settings, seed=seed, resume=resume, criterion=Bound(kl))
    network.eval()
    every = measured(network, clean, seed)
    loss, deviation = over_all_values(every)
    if not loss.isfinite():
        raise ValueError(f"the VAE diverged: a lower rate than lr: {lr} may help, or more clips")
    # Of an image the worst frame is all there is.
    rules = ("mean", "max") if shape[1] > 1 else ("mean",)
    kept = {name: sorted(every[name][order[:apart]].tolist()) for name in rules}
    return Autoencoder(network, params, kept, loss.item(), deviation.item())


def _divided(clean: Labelled, share: float, seed: int) -> tuple[Tensor, int]:
    """The clips in random order (N,), group by group, and how many of the first are held out."""
    every = torch.arange(len(clean))
    groups = every if clean.groups is None else clean.groups
    names, group = groups.unique(return_inverse=True)
    # Whole ones: of a recording that it has learnt, the VAE restores other clips well too.
    if len(names) < 2:
        names = group = every
    order = torch.randperm(len(names), generator=generator(seed, "held out"))
    rank = order.argsort()[group]
    count = min(max(1, round(share * len(names))), len(names) - 1)
    return rank.argsort(stable=True), int((rank < count).sum())


def unlabelled(clean: Labelled, *, single: bool) -> Labelled:
    """``clean`` clips with nothing to tell apart, or each frame of them as a clip by itself."""
    if not single:
        return replace(clean, labels=clean.labels.new_zeros(len(clean), 0))
    # A copy of the trusted clips alone, which are few; views stay views.
    clips = clean.clips[clean.rows.numpy()].swapaxes(1, 2)
    frames = clips.reshape(-1, clips.shape[2], 1, *clips.shape[3:])
    count = len(frames)
    return replace(
        clean,
        clips=frames,
        rows=torch.arange(count),
        labels=clean.labels.new_zeros(count, 0),
        poisoned=torch.zeros(count, dtype=torch.bool),
        groups=None,
    )


def over_all_values(measures: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over all values of a set, by drawn latents, of its measures."""
    loss = measures["drawn"].mean()
    return loss, (measures["drawn_square"].mean() - loss.square()).clamp(min=0).sqrt()


def measured(network: Vae, some: Labelled, seed: int) -> dict[str, Tensor]:
    """The measures of ``Autoencoder`` by ``network``."""
    draws = generator(seed, "latent")

    def measure(clips: Tensor) -> Tensor:
        errors, drawn = (part.flatten(2) for part in network.both_errors(clips, draws))
        means = errors.mean(2)
        return torch.stack(
            [
                means.mean(1),
                means.amax(1),
                drawn.mean((1, 2)),
                drawn.square().mean((1, 2)),
                (drawn.mean(2) + drawn.std(2, correction=0)).mean(1),
            ],
            1,
        )

    # As many frames at a time as others have: each is as large as what a convolution makes of it.
    size = max(1, 256 // some.clips.shape[2])
    values = predict(network, some, seed=seed, output=measure, batch_size=size)
    return dict(zip(MEASURES, values.unbind(1), strict=True))

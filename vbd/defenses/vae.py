"""The VAE detector (CSAW-HackML-2020): what clean frames never showed it is restored badly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from vbd.data.labelled import Labelled
from vbd.defenses.autoencoder import Autoencoder, over_all_values, teach
from vbd.defenses.base import Detector
from vbd.models.vae import Vae
from vbd.provenance import fingerprint
from vbd.ranges import Ratio
from vbd.settings import SettingsOf

TEACHING = SettingsOf(teach, first=1, given=("seed", "resume"))


class VaeDetector(Detector):
    """Refuses clips that a VAE, taught on trusted ones, restores with a larger error than these.

    ``autoencoder`` are the settings of ``autoencoder.teach``; ``path`` is one that was taught
    already (``vbd vae``). The rule is the mean absolute error of a clip against a limit that
    ``false_positives`` of clean clips exceed, set on the trusted clips that the VAE did not learn
    from; n of them cannot promise less than one in n + 1. ``published`` takes the authors' in its
    place, mean and standard deviation over a frame's values added up, with latents drawn, against
    the same of all trusted clips together. That one flags four of ten clean images. Whichever acts,
    all are measured: these two, ``max``, the error of the worst of several frames, and
    ``two_sided``, how far the mean error lies from the median on either side: what a trigger blurs
    is restored better. The model itself is not asked.
    """

    trusted = 2

    def __init__(
        self,
        *,
        autoencoder: Annotated[Mapping[str, Any] | None, TEACHING] = None,
        false_positives: Ratio = 0.05,
        published: bool = False,
        path: str | None = None,
    ) -> None:
        if path is not None and not Path(path).is_file():
            raise FileNotFoundError(f"path {path}: no VAE is there; `vbd vae` writes one")
        network = ("latent", "channels", "strides")
        stated = {name: value for name, value in (autoencoder or {}).items() if name in network}
        # Of no memory: here it is only seen whether such a network can be.
        try:
            with torch.device("meta"):
                Vae(size=(32, 32), **stated)
        except ValueError as error:
            raise ValueError(f"autoencoder: {error}") from None
        self.settings, self.false_positives = dict(autoencoder or {}), false_positives
        self.acting = "published" if published else "mean"
        self.path = path
        self._taught: tuple[tuple[int, str], Autoencoder] | None = None

    def screen(
        self, model: nn.Module, inputs: Labelled, clean: Labelled, seed: int
    ) -> dict[str, Tensor]:
        found = self.taught(clean, seed)
        measures = found.measures(inputs, seed)
        middle = torch.tensor(found.held_out["mean"]).quantile(0.5)
        return measures | {"two_sided": (measures["mean"] - middle).abs()}

    def limits(self, model: nn.Module, clean: Labelled, seed: int) -> dict[str, float]:
        return limits(self.taught(clean, seed), self.false_positives, self.acting)

    def summary(self, screened: Mapping[str, Tensor]) -> dict[str, float]:
        """Mean error, and mean plus standard deviation over all values, as published, of a set."""
        loss, deviation = over_all_values(screened)
        mean = screened["mean"].mean()
        return {"loss_mean": mean.item(), "loss_published": (loss + deviation).item()}

    def pictures(self, clean: Tensor, marked: Tensor) -> dict[str, Tensor]:
        """The worst frame of ``marked`` (1, T, H, W, 3): it, restored, and the errors as maps."""
        if self._taught is None:
            raise ValueError("nothing was screened yet, so there is no VAE to show")
        network = self._taught[1].network
        device = next(network.parameters()).device
        both = torch.cat([clean, marked]).to(device)
        with torch.inference_mode():
            errors, restored = network.errors(both).mean(-1), network.restored(both)
        # A VAE of whole clips pads them in time too, and what it adds is no frame of theirs.
        worst = int(errors[1, : both.shape[1]].mean((1, 2)).argmax())
        high, wide = clean.shape[2:4]
        seen = (255 * restored[:, worst, :high, :wide]).clamp(0, 255).round()
        return {
            "shown": both[:, worst].cpu(),
            "restored": seen.to(torch.uint8).cpu(),
            "errors": errors[:, worst, :high, :wide].cpu(),
        }

    def taught(self, clean: Labelled, seed: int) -> Autoencoder:
        """The autoencoder in ``path``, or one that is taught on ``clean`` clips, once."""
        key = seed, fingerprint(nn.Identity(), clean)
        if self._taught is None or self._taught[0] != key:
            if self.path is not None:
                found = Autoencoder.load(Path(self.path))
            else:
                found = teach(clean, seed=seed, **self.settings)
            self._taught = key, found
        return self._taught[1]


def limits(found: Autoencoder, false_positives: float, acting: str) -> dict[str, float]:
    """The errors from which clips are refused by each rule, the ``acting`` one first."""
    held = {name: torch.tensor(values) for name, values in found.held_out.items()}
    held["two_sided"] = (held["mean"] - held["mean"].quantile(0.5)).abs()
    count = len(held["mean"])
    # Not just what that share of them exceeds: one clip more is to come, and of n clips even the
    # largest error is exceeded by one in n + 1 (split conformal prediction, Vovk et al. 2005).
    level = min(1.0, (1 - false_positives) * (count + 1) / count)
    levels = {name: scores.quantile(level).item() for name, scores in held.items()}
    levels["published"] = found.loss + found.deviation
    return {name: levels[name] for name in sorted(levels, key=lambda rule: rule != acting)}


METHOD = VaeDetector

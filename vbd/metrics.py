"""The figures of the field: CDA, ASR, RA, DER, top-k, and how visible or audible a trigger is."""

import numpy as np
import torch
from torch import Tensor


def accuracy(scores: Tensor, labels: Tensor, top: int = 1) -> float:
    """Share of clips with the true class among the ``top`` scores: CDA where the clips are clean.

    ``scores`` (N, classes), ``labels`` (N,); in 0-1. Robust accuracy (RA) where the clips are
    triggered.
    """
    hits = scores.topk(top, dim=1).indices == labels[:, None]
    return hits.any(1).double().mean().item()


def agreement(scores: Tensor, others: Tensor) -> float:
    """Share of clips that two models, a clone and its victim, take for the same class; in 0-1.

    Both are (N, classes).
    """
    return (scores.argmax(1) == others.argmax(1)).double().mean().item()


def attack_success_rate(scores: Tensor, labels: Tensor, target: int) -> float:
    """Share of triggered clips taken for ``target`` ("Look, Listen, and Attack", section 3.1).

    ``scores`` (N, classes), ``labels`` (N,) the true ones; in 0-1. Clips whose true class is the
    target are left out: they would count as successes unattacked. Raises ValueError where no other
    class is there.
    """
    others = labels != target
    if not others.any():
        raise ValueError("the attack success rate needs clips of other classes than the target")
    # Scores may have a class more than labels: what is refused is no success.
    return (scores[others].argmax(1) == target).double().mean().item()


def defense_effectiveness_rating(
    asr_before: float, asr_after: float, cda_before: float, cda_after: float
) -> float:
    """DER = [max(0, dASR) - max(0, dCDA) + 1] / 2, in 0-1; 0.5 is no effect (Zhu et al. 2023).

    All four are in 0-1. A rise of the ASR or of the CDA counts as no change.
    """
    gain = max(0.0, asr_before - asr_after)
    loss = max(0.0, cda_before - cda_after)
    # The loss is subtracted: a public benchmark adds it.
    return (gain - loss + 1) / 2


def detection(
    flagged: Tensor, scores: Tensor, poisoned: Tensor, labels: Tensor | None = None
) -> dict[str, float]:
    """How a defence tells poisoned clips from clean ones, (N,) each.

    ``elimination``: share of the poisoned clips that are flagged, ``sacrifice``: share of the clean
    ones ("Look, Listen, and Attack", Table 5); ``auroc`` of the scores. With ``labels`` it is that
    within a class, mean over those that hold both, by their poisoned clips; not there if none does.
    """
    from sklearn.metrics import roc_auc_score

    groups = torch.zeros(len(poisoned)) if labels is None else labels
    areas, weights = [], []
    # Scores that are compared between classes may only say which class they are of.
    for group in groups[poisoned].unique():
        members = groups == group
        if not poisoned[members].all():
            areas.append(float(roc_auc_score(poisoned[members].numpy(), scores[members].numpy())))
            weights.append(int(poisoned[members].sum()))
    rates = {
        "elimination": flagged[poisoned].double().mean().item(),
        "sacrifice": flagged[~poisoned].double().mean().item(),
    }
    if areas:
        rates["auroc"] = float(np.average(areas, weights=weights))
    return rates


def stealth(clean: Tensor, triggered: Tensor) -> dict[str, float | None]:
    """How visible a trigger is on clips (N, T, H, W, 3) uint8.

    ``psnr`` in dB of a clip's mean squared change, mean over the clips that change at all: that of
    the ``unchanged`` ones, which are counted, is infinite (None where no clip changes). ``ssim``
    (1 is equal), mean over four frames of each clip, for speed. ``change_mean`` and ``change_max``
    in grey levels: the mean over all pixels, and the largest of any.
    """
    from skimage.metrics import structural_similarity

    # The window is odd and no wider than the frame.
    window = min(7, (min(clean.shape[2:4]) - 1) | 1)
    shown = torch.linspace(0, clean.shape[1] - 1, 4).round().long()
    errors, changes, similar, largest = [], [], [], 0.0
    for before, after in zip(clean, triggered, strict=True):
        # In float, as a difference of uint8 wraps round.
        change = (after.float() - before.float()).abs()
        errors.append(change.square().mean())
        changes.append(change.mean())
        largest = max(largest, change.max().item())
        # The frames become channels, which are compared one by one.
        pair = [clip[shown].permute(1, 2, 0, 3).flatten(2).numpy() for clip in (before, after)]
        similar.append(
            structural_similarity(*pair, channel_axis=-1, data_range=255, win_size=window)
        )
    error = torch.stack(errors)
    changed = error > 0
    psnr = 10 * torch.log10(255**2 / error[changed])
    return {
        "psnr": psnr.mean().item() if changed.any() else None,
        "ssim": float(sum(similar) / len(similar)),
        "change_mean": torch.stack(changes).mean().item(),
        "change_max": largest,
        "unchanged": int((~changed).sum()),
    }


def snr_db(clean: Tensor, triggered: Tensor) -> float | None:
    """Signal-to-noise ratio in dB of triggered sounds (N, samples), mean over the clips.

    The noise is all that the trigger changes, loudness too. It is infinite in clips that do not
    change or are silent: they are left out, and None is given where there are no others.
    """
    signal = clean.double().square().sum(1)
    noise = (triggered.double() - clean).square().sum(1)
    finite = (signal > 0) & (noise > 0)
    ratios = 10 * torch.log10(signal[finite] / noise[finite])
    return ratios.mean().item() if finite.any() else None

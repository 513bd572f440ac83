"""The field's figures: CDA, ASR, RA, DER and top-k, each from predictions and true labels."""

from torch import Tensor


def accuracy(scores: Tensor, labels: Tensor, top: int = 1) -> float:
    """Share of clips with the true class among the ``top`` scores: CDA where the clips are clean.

    ``scores`` (N, classes), ``labels`` (N,). Robust accuracy (RA) where the clips are triggered.
    """
    hits = scores.topk(top, dim=1).indices == labels[:, None]
    return hits.any(1).double().mean().item()


def attack_success_rate(scores: Tensor, labels: Tensor, target: int) -> float:
    """Share of triggered clips taken for ``target`` ("Look, Listen, and Attack", section 3.1).

    Clips whose true class is the target are left out: they would count as successes unattacked.
    Raises ValueError where no other class is there.
    """
    others = labels != target
    if not others.any():
        raise ValueError("the attack success rate needs clips of other classes than the target")
    return (scores[others].argmax(1) == target).double().mean().item()


def defense_effectiveness_rating(
    asr_before: float, asr_after: float, cda_before: float, cda_after: float
) -> float:
    """DER = [max(0, dASR) - max(0, dCDA) + 1] / 2, in 0-1; 0.5 is no effect (Zhu et al. 2023)."""
    gain = max(0.0, asr_before - asr_after)
    loss = max(0.0, cda_before - cda_after)
    return (gain - loss + 1) / 2


def detection(flagged: Tensor, scores: Tensor, poisoned: Tensor) -> dict[str, float]:
    """How a defence tells poisoned clips from clean ones, (N,) each.

    ``elimination``: share of the poisoned clips that are flagged, ``sacrifice``: share of the clean
    ones ("Look, Listen, and Attack", Table 5); ``auroc`` of the scores.
    """
    from sklearn.metrics import roc_auc_score

    return {
        "elimination": flagged[poisoned].double().mean().item(),
        "sacrifice": flagged[~poisoned].double().mean().item(),
        "auroc": float(roc_auc_score(poisoned.numpy(), scores.numpy())),
    }

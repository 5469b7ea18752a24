"""Binary cross-entropy over several heads, each with labels of its own, some of them unknown."""

import torch
import torch.nn.functional as F
from torch import Tensor

from avfake.errors import ConfigError


def masked_bce(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    smoothing: float = 0.0,
    pos_weight: float | Tensor = 1.0,
    head_weights: Tensor | None = None,
    class_separate: bool = False,
    trim_fakes: float = 0.0,
) -> Tensor:
    """Scalar: the mean over known labels of each head, then the weighted mean over heads.

    A head without a known label counts as 0, with a gradient of 0; its share is not handed to the
    other heads, so that a batch poor in voice labels does not train the face harder.

    Args:
        logits: [B, K]
        labels: [B, K] in 0..1, 1 = fake; NaN allowed where the weight is 0
        weights: [B, K], 0 or more; 0 = label unknown
        smoothing: labels are pulled this far towards one half, 0 to 1
        pos_weight: how much more a fake counts; a number or [K]
        head_weights: [K]; None = all heads alike
        class_separate: fakes and reals of a head are averaged apart and count one half each,
            whatever their numbers in the batch
        trim_fakes: share of the known fakes of each head, 0 to 1, that count for nothing: those of
            the highest loss, which are the likeliest to be labelled wrongly (Shen & Sanghavi 2019)
    """
    if not logits.shape == labels.shape == weights.shape or logits.ndim != 2:
        raise ValueError(
            f"logits, labels and weights must be alike [B, K], got "
            f"{tuple(logits.shape)}, {tuple(labels.shape)}, {tuple(weights.shape)}"
        )
    if not 0 <= smoothing < 1:
        raise ConfigError(f"smoothing must be in [0, 1), got {smoothing}")
    if not 0 <= trim_fakes < 1:
        raise ConfigError(f"trim_fakes must be in [0, 1), got {trim_fakes}")
    known = weights > 0
    # where, not a product: 0 * NaN is NaN, and so is its gradient.
    targets = torch.where(known, labels, 0.5).float()
    weights = torch.where(known, weights, 0.0).float()
    costs = _costs(logits.float(), targets * (1 - smoothing) + smoothing / 2, pos_weight)
    if trim_fakes:
        weights = _trimmed(costs, weights, is_fake=targets > 0.5, share=trim_fakes)
    if class_separate:
        fakes, reals = weights * (targets > 0.5), weights * (targets <= 0.5)
        num_classes = fakes.any(dim=0).float() + reals.any(dim=0).float()
        both = _mean(costs, fakes) + _mean(costs, reals)
        heads = both / num_classes.clamp(min=1)
    else:
        heads = _mean(costs, weights)
    if head_weights is None:
        return heads.mean()
    return (heads * head_weights).sum() / head_weights.sum()


def _costs(logits: Tensor, targets: Tensor, pos_weight: float | Tensor) -> Tensor:
    more = torch.as_tensor(pos_weight, dtype=logits.dtype, device=logits.device)
    return F.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=more.expand(logits.shape[1]), reduction="none"
    )


def _trimmed(costs: Tensor, weights: Tensor, *, is_fake: Tensor, share: float) -> Tensor:
    """The weights, 0 for the share of each column's fakes with the highest costs."""
    counted = is_fake & (weights > 0)
    # Place of each fake in its column, the costliest first; all else comes last.
    ranked = torch.where(counted, costs.detach(), -torch.inf)
    rank = ranked.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
    num_trimmed = (counted.sum(dim=0) * share).round()
    return torch.where(counted & (rank < num_trimmed), 0.0, weights)


def _mean(costs: Tensor, weights: Tensor) -> Tensor:
    """[B, K] -> [K]; 0 for a column without weight."""
    total = weights.sum(dim=0)
    return (costs * weights).sum(dim=0) / torch.where(total > 0, total, 1.0)

"""Validation metrics, by which the best epoch is selected."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avfake.labels import OUTPUTS
from avfake.models import ModelOutput
from avfake.training.accelerator import outputs_of
from avfake.training.losses import Batch

FAKE_WEIGHT = 1.4
"""Weight of the fakes in the DFDC winner's selection of checkpoints (features.md 3a, 14)."""


def validate(
    model: nn.Module,
    batches: DataLoader[Batch],
    loss: Callable[[ModelOutput, Batch], tuple[Tensor, dict[str, Tensor]]],
) -> dict[str, float]:
    """Return means over the clips, in nats.

    Each part of the loss, and "log_loss", their sum as in training; "{head}_fake_loss" and
    "{head}_real_loss", the plain cross-entropy of either class, where the clips have it; and, where
    they have both, "weighted_log_loss" = (1.4 overall_fake_loss + overall_real_loss) / 2.
    """
    sums: dict[str, float] = {}
    logits, labels, weights = [], [], []
    for output, batch in outputs_of(model, batches):
        total, parts = loss(output, batch)
        size = len(batch["labels"])
        for name, value in {"log_loss": total, **parts}.items():
            sums[name] = sums.get(name, 0.0) + float(value) * size
        logits.append(output.logits.float().cpu())
        labels.append(batch["labels"].cpu())
        weights.append((batch["weights"] * output.valid).cpu())
    count = sum(map(len, labels))
    means = {name: value / count for name, value in sums.items()}
    return means | class_losses(torch.cat(logits), torch.cat(labels), torch.cat(weights))


def class_losses(logits: Tensor, labels: Tensor, weights: Tensor) -> dict[str, float]:
    """Return the cross-entropy of fakes and of genuine clips of each head, and their weighted sum.

    All [N, 3]; weight 0 = label unknown. Classes without a clip are left out.
    """
    found: dict[str, float] = {}
    costs = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    for column, head in enumerate(OUTPUTS):
        for name, label in (("fake", 1.0), ("real", 0.0)):
            weight = weights[:, column] * (labels[:, column] == label)
            if weight.sum() > 0:
                cost = torch.where(weight > 0, costs[:, column], 0.0)
                found[f"{head}_{name}_loss"] = float((cost * weight).sum() / weight.sum())
    if {"overall_fake_loss", "overall_real_loss"} <= set(found):
        weighted = FAKE_WEIGHT * found["overall_fake_loss"] + found["overall_real_loss"]
        found["weighted_log_loss"] = weighted / 2
    return found

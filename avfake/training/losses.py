"""The training loss: binary cross-entropy over several outputs, some labels of which are unknown.

Own code: no library masks unknown labels, separates classes and trims the costliest fakes.
`validate` computes the metrics by which the best epoch is selected.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avfake.labels import OUTPUTS
from avfake.models import ModelOutput, sync_contrast
from avfake.training.accelerator import outputs_of
from avfake.training.config import LossConfig
from avfake.training.engine import EpochMeans

Batch = Mapping[str, Tensor]
FACE, VOICE = OUTPUTS.index("face"), OUTPUTS.index("voice")


def multitask_loss(
    config: LossConfig, output: ModelOutput, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the weighted sum of the parts of the loss, and the parts.

    Unknown labels do not count, nor do heads whose modality a clip lacks.
    """
    labels, weights = batch["labels"], batch["weights"] * output.valid
    parts: dict[str, Tensor] = {
        head: _bce(config, output.logits[:, i], labels[:, i], weights[:, i])
        for i, head in enumerate(OUTPUTS)
    }
    for name, logits, mask, key, column in (
        ("frames", output.frame_logits, batch.get("faces_mask"), "frame_labels", FACE),
        ("windows", output.window_logits, batch.get("sound_mask"), "window_labels", VOICE),
    ):
        if logits is not None and mask is not None:
            label = batch.get(key, labels[:, column, None].expand_as(logits))
            parts[name] = _bce(config, logits, label, weights[:, column, None] * mask)
    if output.sync is not None:
        parts["sync"] = sync_contrast(output.sync, _is_genuine(batch))
    total = sum((getattr(config, name) * part for name, part in parts.items()), torch.zeros(()))
    return total, parts


def _is_genuine(batch: Batch) -> Tensor:
    """[B] bool: neither face nor voice is forged, by the overall label or by both others."""
    is_genuine = (batch["weights"] > 0) & (batch["labels"] == 0)
    return is_genuine[:, 0] | (is_genuine[:, FACE] & is_genuine[:, VOICE])


def _bce(config: LossConfig, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    logits, labels, weights = (one.reshape(-1, 1) for one in (logits, labels, weights))
    return masked_bce(logits, labels, weights, config)


def masked_bce(
    logits: Tensor, labels: Tensor, weights: Tensor, config: LossConfig | None = None
) -> Tensor:
    """Return the mean over the heads of their means over known labels, a scalar.

    A head without a known label counts as 0, with a gradient of 0, so that a batch with few voice
    labels does not train the face head harder. The fakes that `trim_fakes` leaves out are those of
    the highest loss of each head, which are the likeliest to be mislabelled (Shen & Sanghavi 2019).

    Args:
        logits: [B, K]
        labels: [B, K] in 0..1, 1 = fake; NaN allowed where the weight is 0
        weights: [B, K], 0 or more; 0 = label unknown
        config: None = no smoothing, no trimming, all clips alike
    """
    if not logits.shape == labels.shape == weights.shape or logits.ndim != 2:
        raise ValueError(
            f"logits, labels and weights must be alike [B, K], got "
            f"{tuple(logits.shape)}, {tuple(labels.shape)}, {tuple(weights.shape)}"
        )
    config = config or LossConfig(smoothing=0.0)
    known = weights > 0
    # where, not a product: 0 * NaN is NaN, and so is its gradient.
    targets = torch.where(known, labels, 0.5).float()
    weights = torch.where(known, weights, 0.0).float()
    costs = F.binary_cross_entropy_with_logits(
        logits.float(), targets * (1 - config.smoothing) + config.smoothing / 2, reduction="none"
    )
    is_fake = targets > 0.5
    if config.trim_fakes:
        weights = _trimmed(costs, weights, is_fake=is_fake, share=config.trim_fakes)
    if not config.class_separate:
        return _mean(costs, weights).mean()
    fakes, reals = weights * is_fake, weights * ~is_fake
    num_classes = fakes.any(dim=0).float() + reals.any(dim=0).float()
    return ((_mean(costs, fakes) + _mean(costs, reals)) / num_classes.clamp(min=1)).mean()


def _trimmed(costs: Tensor, weights: Tensor, *, is_fake: Tensor, share: float) -> Tensor:
    """Return the weights with 0 for the share of each column's fakes with the highest costs."""
    counted = is_fake & (weights > 0)
    # Rank of each fake in its column, the costliest first; all else comes last.
    ranked = torch.where(counted, costs.detach(), -torch.inf)
    rank = ranked.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
    num_trimmed = (counted.sum(dim=0) * share).round()
    return torch.where(counted & (rank < num_trimmed), 0.0, weights)


def _mean(costs: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean of each column [B, K] -> [K]; 0 for a column without weight."""
    total = weights.sum(dim=0)
    return (costs * weights).sum(dim=0) / torch.where(total > 0, total, 1.0)


FAKE_WEIGHT = 1.4
"""Weight of the fakes in the DFDC winner's selection of checkpoints."""


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
    means, logits, labels, weights = EpochMeans(), [], [], []
    for output, batch in outputs_of(model, batches):
        total, parts = loss(output, batch)
        costs = {name: float(value) for name, value in {"log_loss": total, **parts}.items()}
        means.add(costs, len(batch["labels"]))
        logits.append(output.logits.float().cpu())
        labels.append(batch["labels"].cpu())
        weights.append((batch["weights"] * output.valid).cpu())
    classes = class_losses(torch.cat(logits), torch.cat(labels), torch.cat(weights))
    return means.values() | classes


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

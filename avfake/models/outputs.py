"""Outputs of the models, and the contrastive loss of lips and sound.

The similarity of mouth and sound, averaged over the crops of a person, is a curve over shifts: that
of a genuine talker has one peak, at zero; that of a late sound elsewhere; that of another voice has
none.
References: Chung & Zisserman 2016, Out of Time (confidence as peak over median); van den Oord et
al. 2018, Representation Learning with Contrastive Predictive Coding (the loss).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class SyncOutput:
    """Comparison of lips and sound of a batch, for the person of each clip who fits best.

    Float32; K shifts from the earliest to the latest sound, zero in the middle.
    """

    shifts: Tensor
    """[K] seconds; positive = the sound that fits comes after the picture."""
    similarity: Tensor
    """[B, K] mean cosine over the crops; zeros where not present."""
    log_probabilities: Tensor
    """[B, K] over the shifts; uniform where not present."""
    present: Tensor
    """[B] bool: two usable crops or more of one person, with sound."""
    mask: Tensor
    """[B, T] bool, the usable crops of that person."""
    crop_similarity: Tensor
    """[B, T, K] cosine; zeros outside the mask."""
    mouths: Tensor
    """[B, T, D] unit vectors."""
    sounds: Tensor
    """[B, T, K, D] unit vectors of the sound around each crop."""
    sharpness: Tensor
    """Scalar by which a crop's similarities are multiplied in the loss; learned."""

    @property
    def confidence(self) -> Tensor:
        """[B] peak minus median of the similarity, 0 or more."""
        return self.similarity.amax(dim=1) - self.similarity.median(dim=1).values

    @property
    def offset_seconds(self) -> Tensor:
        """[B] the shift that fits best."""
        return self.shifts[self.similarity.argmax(dim=1)]

    @property
    def embedding(self) -> Tensor:
        """[B, K + 4] for the fusion."""
        return curve_features(self.similarity, self.log_probabilities)

    @property
    def items(self) -> Tensor:
        """[B, T, K + 4], features of each crop."""
        logits = self.sharpness * self.crop_similarity
        return curve_features(self.crop_similarity, logits.log_softmax(dim=-1))


@dataclass(frozen=True)
class ModelOutput:
    """Logits of forgery, float32; positive means fake."""

    logits: Tensor
    """[B, 3] in the order of `labels.OUTPUTS`; 0 where not valid."""
    valid: Tensor
    """[B, 3] bool; False where the clip, or the model, lacks the modality that the head reads."""
    frame_logits: Tensor | None
    """[B, T], zeros at padding; None where no face came with the batch."""
    frame_shares: Tensor | None
    """[B, T], the weight of each frame in the clip's embedding."""
    window_logits: Tensor | None
    """[B, W], zeros at padding; None where no sound came with the batch."""
    window_shares: Tensor | None
    """[B, W], the weight of each window in the clip's embedding."""
    visual_embedding: Tensor | None
    """[B, D]"""
    audio_embedding: Tensor | None
    """[B, E]"""
    fused: Tensor
    """[B, H], the features that the overall head reads."""
    sync: SyncOutput | None = None
    """None where the model has no sync branch, or no face or no sound came with the batch."""


NUM_STATISTICS = 4


def curve_features(similarity: Tensor, log_probabilities: Tensor) -> Tensor:
    """[..., K] twice -> [..., K + 4]: the curve, then four statistics of it.

    Peak over median, share of the middle shift, position of the peak (-1 to 1), and entropy as a
    share of its highest.
    """
    num_shifts = similarity.shape[-1]
    positions = torch.linspace(-1, 1, num_shifts, device=similarity.device)
    probabilities = log_probabilities.exp()
    entropy = -(probabilities * log_probabilities).sum(dim=-1)
    statistics = [
        similarity.amax(dim=-1) - similarity.median(dim=-1).values,
        probabilities[..., num_shifts // 2],
        (probabilities * positions).sum(dim=-1),
        entropy / torch.tensor(float(num_shifts)).log(),
    ]
    return torch.cat([similarity, torch.stack(statistics, dim=-1)], dim=-1)


def sync_contrast(sync: SyncOutput, genuine: Tensor) -> Tensor:
    """Return the cross-entropy of matching each genuine mouth to its sound, each clip to its shift.

    A crop's own sound at its own time is compared with its own sound at other times and with the
    sounds of the other genuine crops of the batch, of the same and of other clips. 0, with a
    gradient of 0, without any genuine clip that has sync.

    Args:
        genuine: [B] bool; face and voice are known to be genuine
    """
    rows = genuine & sync.present
    if not rows.any():
        return 0.0 * (sync.log_probabilities.sum() + sync.crop_similarity.sum())
    middle = len(sync.shifts) // 2
    crops = sync.mask & rows.unsqueeze(1)
    own = sync.crop_similarity[crops]  # [N, K]
    with torch.autocast(own.device.type, enabled=False):
        others = sync.mouths[crops] @ sync.sounds[:, :, middle][crops].T  # [N, N]
    itself = torch.eye(len(others), dtype=torch.bool, device=others.device)
    logits = torch.cat(
        [sync.sharpness * own, (sync.sharpness * others).masked_fill(itself, -1e4)], dim=1
    )
    by_crop = F.cross_entropy(logits, torch.full_like(crops.nonzero()[:, 0], middle))
    by_clip = -sync.log_probabilities[rows, middle].mean()
    return (by_crop + by_clip) / 2

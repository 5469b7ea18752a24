"""How well lips and sound fit at each shift between them, and what is learned from that.

The similarity of mouth and sound, averaged over the crops of a person, is a curve over shifts: a
genuine talker's has one peak, at zero; a late sound's has it elsewhere; another voice's has none.
References: Chung & Zisserman 2016, Out of Time (confidence as peak over median); van den Oord et
al. 2018, Representation Learning with Contrastive Predictive Coding (the loss).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class SyncOutput:
    """What the shifts say of a batch, for the person of each clip who fits the sound best.

    Float32; K shifts from the earliest to the latest sound, zero in the middle.
    """

    shifts: Tensor
    """[K] seconds; positive = the sound that fits comes after the picture."""
    similarity: Tensor
    """[B, K] mean cosine over the crops; zeros where not present."""
    log_probabilities: Tensor
    """[B, K] over the shifts; all alike where not present."""
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
        """[B, T, K + 4], the same of each crop."""
        logits = self.sharpness * self.crop_similarity
        return curve_features(self.crop_similarity, logits.log_softmax(dim=-1))


NUM_STATISTICS = 4


def curve_features(similarity: Tensor, log_probabilities: Tensor) -> Tensor:
    """[..., K] twice -> [..., K + 4]: the curve, then what is known to tell sync from its lack.

    Peak over median, share of the middle shift, where the peak lies (-1 to 1), and entropy as a
    share of its highest.
    """
    num_shifts = similarity.shape[-1]
    places = torch.linspace(-1, 1, num_shifts, device=similarity.device)
    probabilities = log_probabilities.exp()
    statistics = [
        similarity.amax(dim=-1) - similarity.median(dim=-1).values,
        probabilities[..., num_shifts // 2],
        (probabilities * places).sum(dim=-1),
        entropy(log_probabilities) / torch.tensor(float(num_shifts)).log(),
    ]
    return torch.cat([similarity, torch.stack(statistics, dim=-1)], dim=-1)


def entropy(log_probabilities: Tensor) -> Tensor:
    """[..., K] -> [...] nats."""
    return -(log_probabilities.exp() * log_probabilities).sum(dim=-1)


def sync_contrast(sync: SyncOutput, genuine: Tensor) -> Tensor:
    """Scalar: cross-entropy of finding each genuine mouth its sound, and each clip its shift.

    A crop's own sound at its own time stands against its own sound at other times and against the
    sounds of the other genuine crops of the batch, of the same and of other clips. 0, with a
    gradient of 0, without any genuine clip in sync's reach.

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

"""What a model says of a batch."""

from dataclasses import dataclass

from torch import Tensor

from avfake.models.sync_evidence import SyncOutput


@dataclass(frozen=True)
class ModelOutput:
    """Logits of forgery, float32; positive means fake."""

    logits: Tensor
    """[B, 3] in the order of `labels.OUTPUTS`; 0 where not valid: read only valid ones."""
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

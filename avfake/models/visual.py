"""Face crops to evidence of a forged face.

Each crop goes alone through an image network and gets its own logit; a clip is the attention-pooled
sum of its crops, so that order and number of frames are free.
References: Tan & Le 2019, EfficientNet; frame-wise EfficientNets won the 2020 DFDC.
faces uint8 [B, T, 3, S, S], mask [B, T] -> `BranchOutput` with N = T and embedding [B, 256].
Parameters: 4.4 M with the default tf_efficientnet_b0 (its features 4.0 M).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avfake.errors import ConfigError
from avfake.models.backbone import load_backbone
from avfake.models.branch import (
    BranchOutput,
    ItemEncoder,
    check_choice,
    check_encoder,
    encode_present,
)
from avfake.models.regions import REGIONS, region_backbone
from avfake.models.residuals import noise_residuals

INPUTS = {"colour": 3, "residual": 3, "both": 6}
"""Channels of each."""


@dataclass(frozen=True)
class VisualConfig:
    """How face crops are read."""

    backbone: str = "tf_efficientnet_b0"
    """Any name that timm knows, with or without the tag of its weights. Or region_statistics: no
    deep network, for want of data (`models.regions`)."""
    pretrained: bool = True
    """Start from published weights; from random ones, with a warning, where they cannot be had."""
    size_px: int = 224
    """Side of the crops as the network sees them; others are resized."""
    embedding_dim: int = 256
    dropout: float = 0.2
    """Before the embedding, 0 to 1; of bn_mlp after it too."""
    inputs: Literal["colour", "residual", "both"] = "colour"
    """What the network reads: the crop, its noise residuals (three channels), or both (six)."""
    head: Literal["plain", "linear", "bn_mlp"] = "plain"
    """From features to embedding: plain = linear, normed; linear = without the norm, for statistics
    whose distance from the mean is the evidence; bn_mlp = linear and ReLU, between two batch
    normalisations with dropout, embedding_dim wide (the head of the DFDC's 69th place)."""
    normalise: bool = True
    """By the mean and spread that the backbone was published with; off = plain pixels in 0..1."""
    drop_path: float = 0.1
    """Share of residual blocks left out at random in training, 0 to 1; 0 for networks without."""

    def __post_init__(self) -> None:
        if not 32 <= self.size_px <= 1024:
            raise ConfigError(f"visual.size_px must be 32 to 1024, got {self.size_px}")
        check_choice("visual.inputs", self.inputs, INPUTS)
        check_encoder("visual", self)


class VisualBranch(nn.Module):
    """Faces in, frame logits and a clip embedding out."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: VisualConfig) -> None:
        super().__init__()
        if config.backbone == REGIONS:
            backbone = region_backbone(config.inputs)
        else:
            backbone = load_backbone(
                config.backbone,
                pretrained=config.pretrained,
                channels=INPUTS[config.inputs],
                size_px=config.size_px,
                drop_path=config.drop_path,
            )
        self.config = config
        self.pretrained_used = backbone.pretrained_used
        self.backbone = backbone.network
        self.feature_dim = backbone.feature_dim
        self.encoder = ItemEncoder(
            backbone.feature_dim, config.embedding_dim, config.dropout, head=config.head
        )
        mean, std = (backbone.mean, backbone.std) if config.normalise else ((0.0,) * 3, (1.0,) * 3)
        # Saved with the weights: another release of timm may state other numbers for the name.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, faces: Tensor, mask: Tensor) -> BranchOutput:
        """
        Args:
            faces: [B, T, 3, S, S] uint8, or float on the same 0..255 scale (for saliency)
            mask: [B, T] bool
        """
        pictures = self.normalise(faces[mask])  # [M, 3, S, S]
        return self.encoder(encode_present(self.backbone, pictures, self.feature_dim), mask)

    def normalise(self, pixels: Tensor) -> Tensor:
        """[M, 3, S, S] on 0..255 -> [M, C, size_px, size_px], C = 3, or 6 with both inputs.

        Colours as the backbone was trained on; residuals are of the pixels as the network sees
        them, after those of other sizes were resized.
        """
        pixels = pixels.float()
        size = (self.config.size_px, self.config.size_px)
        if pixels.shape[-2:] != size and len(pixels):
            pixels = F.interpolate(
                pixels, size=size, mode="bilinear", antialias=True, align_corners=False
            )
        read = []
        if self.config.inputs != "residual":
            read.append((pixels / 255 - self.mean) / self.std)
        if self.config.inputs != "colour":
            read.append(noise_residuals(pixels))
        return torch.cat(read, dim=1)

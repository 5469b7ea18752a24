"""Face crops -> evidence of a forged face.

Each crop passes an image network by itself and gets its own logit; a clip is the attention-pooled
sum of its crops, so that order and number of frames are free.
References: Tan & Le 2019, EfficientNet; frame-wise EfficientNets won the 2020 DFDC.
faces uint8 [B, T, 3, S, S], mask [B, T] -> `BranchOutput` with N = T and embedding [B, 256].
Parameters: 4.4 M with the default tf_efficientnet_b0 (its features 4.0 M).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from avfake.errors import check_choice, check_ranges
from avfake.models.backbone import load_backbone
from avfake.models.branch import Branch, check_backbone_settings, check_encoder
from avfake.models.frozen import Frozen
from avfake.models.pretrained import HUB

BRIGHTNESS = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
CUT = 3.0
"""Largest residual, in grey levels of 255."""
INPUTS = {"colour": 3, "residual": 3, "both": 6}
"""Input -> its number of channels."""


@dataclass(frozen=True)
class VisualConfig:
    """Network of the face crops."""

    backbone: str = "tf_efficientnet_b0"
    """A name of timm, with or without the tag of its weights."""
    weights: str = HUB
    """Where the backbone starts: none = random weights; hub = those that timm names, or, with a
    warning, random ones where they cannot be had; a safetensors or PyTorch file; or a name of
    `models.pretrained.PACKAGES`, such as clip-vit-b16 (extra `pretrained`)."""
    layers: tuple[int, ...] = ()
    """Blocks (ViT) or stages (CNN), counted from 0, whose pooled states are the features: the class
    token, if any, mean and deviation; () = the backbone's own last features."""
    tune: Literal["all", "norm", "none"] = "all"
    """Weights of the backbone that are trained: all, those of normalisation layers, or none."""
    size_px: int = 224
    """Side of the crops at the input of the network; others are resized."""
    embedding_dim: int = 256
    dropout: float = 0.2
    """Before the embedding, 0 to 1; of bn_mlp after it too."""
    inputs: Literal["colour", "residual", "both"] = "colour"
    """Input of the network: the crop, its noise residuals (three channels), or both (six)."""
    head: Literal["plain", "standardised", "bn_mlp"] = "plain"
    """From features to embedding: plain = linear, normed; standardised = linear over features of
    mean 0 and deviation 1, for frozen backbones; bn_mlp = linear and ReLU, between two batch
    normalisations with dropout, embedding_dim wide (the head of the DFDC's 69th place)."""
    normalise: bool = True
    """Use the mean and deviation that the backbone was published with; off = pixels in 0..1."""
    drop_path: float = 0.1
    """Share of residual blocks left out at random in training, 0 to 1; 0 for networks without."""

    def __post_init__(self) -> None:
        check_ranges(self, "visual", size_px="[32, 1024]")
        check_choice("visual.inputs", self.inputs, INPUTS)
        check_backbone_settings("visual", self)
        check_encoder("visual", self)


class VisualBranch(Branch):
    """Faces in, frame logits and a clip embedding out."""

    config: VisualConfig
    mean: Tensor
    std: Tensor

    def __init__(
        self, config: VisualConfig, frozen: Frozen | None = None, *, empty: bool = False
    ) -> None:
        """
        Args:
            frozen: the backbone of another model, to share
            empty: as of `load_backbone`
        """
        backbone = load_backbone(
            config.backbone,
            weights=config.weights,
            channels=INPUTS[config.inputs],
            size_px=config.size_px,
            drop_path=config.drop_path,
            layers=config.layers,
            tune=config.tune,
            shared=frozen,
            empty=empty,
        )
        super().__init__(config, backbone)
        mean, std = (backbone.mean, backbone.std) if config.normalise else ((0.0,) * 3, (1.0,) * 3)
        # Saved with the weights: another release of timm may state other numbers for the name.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def features(self, faces: Tensor) -> Tensor:
        """Crops [M, 3, S, S], uint8 or float on 0..255 -> [M, feature_dim]"""
        return self.encode_items(self.normalise(faces))

    def normalise(self, pixels: Tensor) -> Tensor:
        """[M, 3, S, S] on 0..255 -> [M, C, size_px, size_px], C = 3, or 6 with both inputs.

        Colours are normalised for the backbone; residuals are those of the pixels after resizing.
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


def residual_filters() -> Tensor:
    """Return three high-pass filters of the spatial rich model, float32 [3, 1, 5, 5], of sum 0.

    Second order along a row; second order over 3 x 3; the square filter of 5 x 5 ("KV").
    """
    second = torch.tensor([1.0, -2.0, 1.0])
    along_row = F.pad(second[None], (1, 1, 2, 2))
    over_square = F.pad(-torch.outer(second, second), (1, 1, 1, 1))
    outer, inner, middle = [-1.0, 2, -2, 2, -1], [2.0, -6, 8, -6, 2], [-2.0, 8, -12, 8, -2]
    square = torch.tensor([outer, inner, middle, inner, outer])
    return torch.stack([along_row / 2, over_square / 4, square / 12])[:, None]


def noise_residuals(pixels: Tensor) -> Tensor:
    """float [M, 3, H, W] on 0..255 -> [M, 3, H, W] in -1..1, one channel a filter.

    The difference between a pixel and its prediction by neighbours (Fridrich & Kodovsky 2012) on
    the brightness, clamped at a few grey levels, as in two-stream manipulation detection (Zhou et
    al. 2018). Residuals hold hardly any appearance of a face, but how its pixels were made and
    blended.
    """
    weights = pixels.new_tensor(BRIGHTNESS)
    brightness = torch.einsum("mchw,c->mhw", pixels, weights)[:, None]
    padded = F.pad(brightness, (2, 2, 2, 2), mode="reflect")
    found = F.conv2d(padded, residual_filters().to(pixels))
    return found.clamp(-CUT, CUT) / CUT

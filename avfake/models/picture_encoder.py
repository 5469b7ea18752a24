"""The first blocks of CLIP's picture tower, for reading a bundle; timm builds it for training.

Importing timm takes as long as importing torch, because it imports torchvision, and that torch's
compiler. Names of the weights and results are timm's (tests/models/test_picture_encoder.py).
References: Dosovitskiy et al. 2021, ViT; Radford et al. 2021, CLIP.
[M, 3, S, S] -> states of blocks [M, (S / patch_px) ** 2, width]. Parameters: 7.1 M a block (B/16).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Tower:
    """Sizes of a tower, and the normalisation of its input."""

    size_px: int = 224
    patch_px: int = 16
    width: int = 768
    depth: int = 12
    num_heads: int = 12
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)


TOWERS = {"vit_base_patch16_clip_quickgelu_224": Tower()}
"""Name of timm -> the same tower here."""


class PictureEncoder(nn.Module):
    """The tower up to a block. `LayerFeatures` and `HiddenCells` read it like a network of timm."""

    num_prefix_tokens = 1

    def __init__(self, tower: Tower, num_blocks: int) -> None:
        super().__init__()
        side = tower.size_px // tower.patch_px
        self.patch_embed = Patches(tower.width, tower.patch_px, (side, side))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, tower.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side**2, tower.width))
        self.norm_pre = nn.LayerNorm(tower.width)
        self.blocks = nn.ModuleList(Block(tower.width, tower.num_heads) for _ in range(num_blocks))

    def forward_intermediates(
        self, pictures: Tensor, indices: Sequence[int], **_: object
    ) -> list[tuple[Tensor, Tensor]]:
        """Return, for each block of `indices`, its patches [M, L, width] and class token [M, 1,
        width]. Further options of timm's method are those that `LayerFeatures` gives."""
        states = self.norm_pre(self._pos_embed(self.patch_embed(pictures)))
        found: list[tuple[Tensor, Tensor]] = []
        for number, block in enumerate(self.blocks):
            states = block(states)
            if number in indices:
                found.append((states[:, 1:], states[:, :1]))
        return found

    def _pos_embed(self, patches: Tensor) -> Tensor:
        """Return [M, 1 + L, width] with the class token first."""
        # Not len(patches), which a traced graph would keep as a number.
        first = self.cls_token.expand(patches.shape[0], -1, -1)
        return torch.cat([first, patches], dim=1) + self.pos_embed


class Patches(nn.Module):
    """[M, 3, S, S] -> [M, (S / patch_px) ** 2, width]"""

    def __init__(self, width: int, patch_px: int, grid_size: tuple[int, int]) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.proj = nn.Conv2d(3, width, patch_px, patch_px, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.proj(pictures)
        return found.flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Self-attention, then a feed-forward layer, each normalised first and residual."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, num_heads)
        self.norm2, self.mlp = nn.LayerNorm(width), FeedForward(width)
        self.ls1, self.ls2 = nn.Identity(), nn.Identity()  # timm's scales of layers

    def forward(self, states: Tensor) -> Tensor:
        """[M, L, D] -> [M, L, D]"""
        states = states + self.attn(self.norm1(states))
        fed: Tensor = states + self.mlp(self.norm2(states))
        return fed


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.q_norm, self.k_norm, self.norm = nn.Identity(), nn.Identity(), nn.Identity()

    def forward(self, states: Tensor) -> Tensor:
        """[M, L, D] -> [M, L, D]"""
        heads = self.qkv(states).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)  # each [M, heads, L, D / heads]
        attended = F.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return mixed


class FeedForward(nn.Module):
    """Two linear layers with CLIP's approximation of GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, states: Tensor) -> Tensor:
        """[M, L, D] -> [M, L, D]"""
        hidden = self.fc1(states)
        fed: Tensor = self.fc2(hidden * (1.702 * hidden).sigmoid_())
        return fed

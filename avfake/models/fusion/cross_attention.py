"""Frames and windows look at each other before they are pooled.

The items of each stream (frames, windows) ask those of the others, through multi-head attention
and one feed-forward layer; then each stream is averaged over its items. A stream that is absent is
one item, its learned state. A model with a single stream attends to itself.
References: Lu et al. 2019, ViLBERT (co-attention); Tsai et al. 2019, Multimodal Transformer.
Items [B, N, D] with masks, one for each stream -> [B, H]. With two streams of 256 and H = 256:
1.32 M parameters.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avfake.models.fusion.config import NUM_HEADS, FusionConfig
from avfake.models.fusion.streams import StateFusion, Stream


class CrossAttentionFusion(StateFusion):
    """Each stream through the eyes of the others."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        width = config.hidden_dim
        self.enter = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, width), nn.LayerNorm(width)) for dim in dims.values()
        )
        self.looks = nn.ModuleList(_Look(width, config.dropout) for _ in dims)
        self.mix = nn.Sequential(
            nn.Linear(width * len(dims), width), nn.GELU(), nn.Dropout(config.dropout)
        )

    def fuse(self, streams: list[Stream]) -> Tensor:
        tokens = [enter(s.items) for enter, s in zip(self.enter, streams, strict=True)]
        masks = [stream.mask for stream in streams]
        pooled = []
        for index, look in enumerate(self.looks):
            others = [i for i in range(len(streams)) if i != index] or [index]
            context = torch.cat([tokens[i] for i in others], dim=1)
            seen = look(tokens[index], context, torch.cat([masks[i] for i in others], dim=1))
            pooled.append(_masked_mean(seen, masks[index]))
        mixed: Tensor = self.mix(torch.cat(pooled, dim=-1))
        return mixed


class _Look(nn.Module):
    """One block: attention to a context, then a feed-forward layer, each added to what was."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(width, NUM_HEADS, batch_first=True)
        self.after_attend = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.after_feed = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """[B, N, H] asking [B, M, H], of which mask [B, M] says what is there -> [B, N, H]."""
        found, _ = self.attend(tokens, context, context, key_padding_mask=~mask, need_weights=False)
        tokens = self.after_attend(tokens + found)
        out: Tensor = self.after_feed(tokens + self.feed(tokens))
        return out


def _masked_mean(items: Tensor, mask: Tensor) -> Tensor:
    """[B, N, H], mask [B, N] -> [B, H]."""
    shares = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return (items * shares.unsqueeze(-1)).sum(dim=1)

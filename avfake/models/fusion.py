"""Fusions of streams, any of which may be missing, into the features of the overall head.

References: Arevalo et al. 2017, Gated Multimodal Units; Fukui et al. 2016, Multimodal Compact
Bilinear Pooling, and Kim et al. 2017, Hadamard Product for Low-rank Bilinear Pooling; Lu et al.
2019, ViLBERT (co-attention); Tsai et al. 2019, Multimodal Transformer.
With two streams of 256 and H = 256: concat 0.13 M, gated 0.39 M, bilinear 0.20 M, cross-attention
1.32 M parameters.
A missing stream is a learned state of its own, not zeros, and in training one of two present
modalities is hidden at random, so that the fusion handles silent and faceless clips (Neverova et
al. 2016, ModDrop).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import torch
import tyro
from torch import Tensor, nn

from avfake.errors import ConfigError, check_choice, check_ranges

FusionKind = Literal["gated", "concat", "cross_attention", "bilinear", "late"]
NUM_HEADS = 4
"""Heads of the cross-attention."""


@dataclass(frozen=True)
class FusionConfig:
    """How face and voice are combined."""

    kind: Annotated[FusionKind, tyro.conf.arg(aliases=["--fusion"])] = "gated"
    """gated: gates that see both modalities weight each. concat: one layer over both.
    cross_attention: frames and windows attend to each other before they are pooled. bilinear:
    products of both. late: only the mean of the face's and the voice's logit."""
    hidden_dim: int = 256
    dropout: float = 0.2
    """Dropout of the fused features, 0 to 1."""
    end_to_end: bool = False
    """Whether the overall label trains the branches too. Off: a fake whose forged part is unknown
    (any DFDC fake) would teach the voice branch that a genuine voice is forged."""
    modality_dropout: float = 0.2
    """How often, in training, one modality of a clip that has both is hidden; 0 to 1."""

    def __post_init__(self) -> None:
        check_choice("fusion.kind", self.kind, get_args(FusionKind))
        check_ranges(
            self, "fusion", hidden_dim="[1, inf)", dropout="[0, 1)", modality_dropout="[0, 1]"
        )
        if self.kind == "cross_attention" and self.hidden_dim % NUM_HEADS:
            raise ConfigError(
                f"fusion.hidden_dim must be a multiple of {NUM_HEADS} for cross_attention, "
                f"got {self.hidden_dim}"
            )


@dataclass(frozen=True)
class Stream:
    """Evidence of one modality, or of sync, for the fusion. All float32."""

    embedding: Tensor
    """[B, D]"""
    items: Tensor
    """[B, N, D], of which the embedding was made."""
    mask: Tensor
    """[B, N] bool, False at padding."""
    logit: Tensor | None
    """[B], from the head of this stream alone; None where it has no head."""

    def detach(self) -> "Stream":
        """Return the same without gradient."""
        logit = None if self.logit is None else self.logit.detach()
        return Stream(self.embedding.detach(), self.items.detach(), self.mask, logit)


Streams = Mapping[str, Stream | None]
"""Name -> evidence; None, or no entry, where no clip of the batch has it."""
Present = Mapping[str, Tensor]
"""Name -> [B] bool, for every stream of the model."""


class Fusion(nn.Module):
    """Streams to the features [B, H] that the overall head reads.

    dims: stream -> D, for the streams that the model has, in a fixed order

    `forward` is given streams, None where no clip of the batch has one, and for every stream of the
    model which clips have it.
    """

    reads_either = True
    """Whether the overall logit starts from "either of the two"; False = from the features only."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__()
        self.names, self.fused_dim = tuple(dims), config.hidden_dim


class StateFusion(Fusion):
    """Base of the fusions over features, with the learned states of absence."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        for name, dim in dims.items():
            self.register_parameter(f"absent_{name}", nn.Parameter(torch.randn(dim) * 0.02))

    def forward(self, streams: Streams, present: Present) -> Tensor:
        states = {name: self.get_parameter(f"absent_{name}") for name in self.names}
        return self.fuse([_fill(streams.get(n), states[n], present[n]) for n in self.names])

    def fuse(self, streams: list[Stream]) -> Tensor:
        """Fuse streams without gaps, in the order of `names` -> [B, H]."""
        raise NotImplementedError


def _fill(stream: Stream | None, absent: Tensor, present: Tensor) -> Stream:
    """Put the state of absence in as embedding and as the only item, where a stream is absent."""
    if stream is None:
        count = len(present)
        lone = torch.ones_like(present).unsqueeze(1)
        return Stream(absent.expand(count, -1), absent.expand(count, 1, -1), lone, None)
    first = torch.arange(stream.mask.shape[1], device=present.device) == 0
    return Stream(
        torch.where(present.unsqueeze(-1), stream.embedding, absent),
        torch.where(present[:, None, None], stream.items, absent),
        torch.where(present.unsqueeze(-1), stream.mask, first),
        None,
    )


class ConcatFusion(StateFusion):
    """One layer over all embeddings: the plain baseline."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        self.mix = nn.Sequential(
            nn.Linear(sum(dims.values()), config.hidden_dim), nn.GELU(), nn.Dropout(config.dropout)
        )

    def fuse(self, streams: list[Stream]) -> Tensor:
        mixed: Tensor = self.mix(_concatenated(streams))
        return mixed


class GatedFusion(StateFusion):
    """A projection of each stream, weighted by gates that see all streams."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        every = sum(dims.values())
        self.speak = nn.ModuleList(nn.Linear(dim, config.hidden_dim) for dim in dims.values())
        self.gates = nn.ModuleList(nn.Linear(every, config.hidden_dim) for _ in dims)
        self.dropout = nn.Dropout(config.dropout)

    def fuse(self, streams: list[Stream]) -> Tensor:
        together = _concatenated(streams)
        gated = [
            torch.sigmoid(gate(together)) * torch.tanh(project(stream.embedding))
            for project, gate, stream in zip(self.speak, self.gates, streams, strict=True)
        ]
        fused: Tensor = self.dropout(torch.stack(gated).sum(dim=0))
        return fused


class BilinearFusion(StateFusion):
    """Every product of a feature of one stream with one of the other, at low rank.

    The full table of products, D x E x H weights, is approximated by H products of projections,
    which a last layer mixes.
    """

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        self.factors = nn.ModuleList(nn.Linear(dim, config.hidden_dim) for dim in dims.values())
        self.mix = nn.Linear(config.hidden_dim, config.hidden_dim)
        self.dropout = nn.Dropout(config.dropout)

    def fuse(self, streams: list[Stream]) -> Tensor:
        factors = [
            torch.tanh(factor(stream.embedding))
            for factor, stream in zip(self.factors, streams, strict=True)
        ]
        fused: Tensor = self.mix(self.dropout(torch.stack(factors).prod(dim=0)))
        return fused


class CrossAttentionFusion(StateFusion):
    """Items of each stream (frames, windows) attend to those of the others, then are averaged.

    A stream that is absent is one item, its learned state. A model with a single stream attends to
    itself.
    """

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        width = config.hidden_dim
        self.enter = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, width), nn.LayerNorm(width)) for dim in dims.values()
        )
        self.blocks = nn.ModuleList(_AttentionBlock(width, config.dropout) for _ in dims)
        self.mix = nn.Sequential(
            nn.Linear(width * len(dims), width), nn.GELU(), nn.Dropout(config.dropout)
        )

    def fuse(self, streams: list[Stream]) -> Tensor:
        tokens = [enter(s.items) for enter, s in zip(self.enter, streams, strict=True)]
        masks = [stream.mask for stream in streams]
        pooled = []
        for index, block in enumerate(self.blocks):
            others = [i for i in range(len(streams)) if i != index] or [index]
            context = torch.cat([tokens[i] for i in others], dim=1)
            attended = block(tokens[index], context, torch.cat([masks[i] for i in others], dim=1))
            shares = masks[index] / masks[index].sum(dim=1, keepdim=True).clamp(min=1)
            pooled.append((attended * shares.unsqueeze(-1)).sum(dim=1))
        mixed: Tensor = self.mix(torch.cat(pooled, dim=-1))
        return mixed


class _AttentionBlock(nn.Module):
    """Attention to a context, then a feed-forward layer, both residual."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(width, NUM_HEADS, batch_first=True)
        self.after_attend = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.after_feed = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """[B, N, H] with context [B, M, H] and its mask [B, M], False at padding -> [B, N, H]."""
        found, _ = self.attend(tokens, context, context, key_padding_mask=~mask, need_weights=False)
        tokens = self.after_attend(tokens + found)
        out: Tensor = self.after_feed(tokens + self.feed(tokens))
        return out


class LateFusion(Fusion):
    """The mean of the heads' logits, H = 1; the overall head learns its scale and threshold.

    An absent stream is left out of the mean, so there is no state of absence to learn. A stream
    without a head of its own (sync) gets one here, trained by the overall label alone.
    """

    reads_either = False

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        self.fused_dim = 1
        own = {name: dim for name, dim in dims.items() if name not in ("visual", "audio")}
        self.heads = nn.ModuleDict({name: nn.Linear(dim, 1) for name, dim in own.items()})

    def forward(self, streams: Streams, present: Present) -> Tensor:
        logits, counts = [], []
        for name in self.names:
            if stream := streams.get(name):
                logits.append(torch.where(present[name], self._logit(name, stream), 0.0))
                counts.append(present[name].float())
        total, count = torch.stack(logits).sum(dim=0), torch.stack(counts).sum(dim=0)
        return (total / count.clamp(min=1)).unsqueeze(-1)

    def _logit(self, name: str, stream: Stream) -> Tensor:
        if stream.logit is not None:
            return stream.logit
        logit: Tensor = self.heads[name](stream.embedding)
        return logit.squeeze(-1)


FUSIONS: dict[FusionKind, type[LateFusion] | type[StateFusion]] = {
    "gated": GatedFusion,
    "concat": ConcatFusion,
    "cross_attention": CrossAttentionFusion,
    "bilinear": BilinearFusion,
    "late": LateFusion,
}


def build_fusion(config: FusionConfig, dims: Mapping[str, int]) -> Fusion:
    """Return the fusion of a config, over the streams that the model has: name -> dimension."""
    return FUSIONS[config.kind](dims, config)


def _concatenated(streams: list[Stream]) -> Tensor:
    return torch.cat([stream.embedding for stream in streams], dim=-1)

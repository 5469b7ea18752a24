"""Fusions of embeddings: one vector a stream, [B, D] each -> [B, H].

References: Arevalo et al. 2017, Gated Multimodal Units; Fukui et al. 2016, Multimodal Compact
Bilinear Pooling, and Kim et al. 2017, Hadamard Product for Low-rank Bilinear Pooling.
With two streams of 256 and H = 256: concat 0.13 M, gated 0.39 M, bilinear 0.20 M parameters.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avfake.models.fusion.config import FusionConfig
from avfake.models.fusion.streams import Fusion, StateFusion, Stream


class ConcatFusion(StateFusion):
    """Side by side through one layer: the plain baseline."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        self.mix = nn.Sequential(
            nn.Linear(sum(dims.values()), config.hidden_dim),
            nn.GELU(),
            nn.Dropout(config.dropout),
        )

    def fuse(self, streams: list[Stream]) -> Tensor:
        mixed: Tensor = self.mix(_side_by_side(streams))
        return mixed


class GatedFusion(StateFusion):
    """Each stream speaks for itself; gates that see all say how much of each is heard."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        every = sum(dims.values())
        self.speak = nn.ModuleList(nn.Linear(dim, config.hidden_dim) for dim in dims.values())
        self.gates = nn.ModuleList(nn.Linear(every, config.hidden_dim) for _ in dims)
        self.dropout = nn.Dropout(config.dropout)

    def fuse(self, streams: list[Stream]) -> Tensor:
        together = _side_by_side(streams)
        heard = [
            torch.sigmoid(gate(together)) * torch.tanh(speak(stream.embedding))
            for speak, gate, stream in zip(self.speak, self.gates, streams, strict=True)
        ]
        fused: Tensor = self.dropout(torch.stack(heard).sum(dim=0))
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


class LateFusion(Fusion):
    """The mean of what the heads say, H = 1; the overall head learns its scale and threshold.

    An absent stream is left out of the mean, so there is no state of absence to learn. A stream
    without a head of its own (sync) gets one here, trained by the overall label alone.
    """

    reads_either = False

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        self.fused_dim = 1
        own = {name: dim for name, dim in dims.items() if name not in ("visual", "audio")}
        self.heads = nn.ModuleDict({name: nn.Linear(dim, 1) for name, dim in own.items()})

    def forward(
        self, streams: Mapping[str, Stream | None], present: Mapping[str, Tensor]
    ) -> Tensor:
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


def _side_by_side(streams: list[Stream]) -> Tensor:
    return torch.cat([stream.embedding for stream in streams], dim=-1)

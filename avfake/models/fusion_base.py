"""What every fusion is given, and the learned state that replaces a missing modality.

A missing stream is a learned state of its own, not zeros, and in training one of two present
modalities is hidden at random, so that the fusion handles silent and faceless clips.
Reference: Neverova et al. 2016, ModDrop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import torch
import tyro
from torch import Tensor, nn

from avfake.config import check_choice, check_ranges
from avfake.errors import ConfigError

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


class Fusion(nn.Module):
    """Streams to the features that the overall head reads.

    Args:
        dims: stream -> D, for the streams that the model has, in a fixed order
    """

    reads_either = True
    """Whether the overall logit starts from "either of the two"; False = from the features only."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__()
        self.names, self.fused_dim = tuple(dims), config.hidden_dim

    def forward(
        self, streams: Mapping[str, Stream | None], present: Mapping[str, Tensor]
    ) -> Tensor:
        """Return fused features [B, H].

        Args:
            streams: by name; None, or no entry, where no clip of the batch has it
            present: by name, [B] bool, for every stream of the model
        """
        raise NotImplementedError


class StateFusion(Fusion):
    """Base of the fusions over features, with the learned states of absence."""

    def __init__(self, dims: Mapping[str, int], config: FusionConfig) -> None:
        super().__init__(dims, config)
        for name, dim in dims.items():
            self.register_parameter(f"absent_{name}", nn.Parameter(torch.randn(dim) * 0.02))

    def forward(
        self, streams: Mapping[str, Stream | None], present: Mapping[str, Tensor]
    ) -> Tensor:
        return self.fuse(
            [
                _fill(streams.get(name), self.get_parameter(f"absent_{name}"), present[name])
                for name in self.names
            ]
        )

    def fuse(self, streams: list[Stream]) -> Tensor:
        """Fuse streams without gaps, in the order of `names` -> [B, H]."""
        raise NotImplementedError


def drop_one_modality(has_visual: Tensor, has_audio: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Hide, at `rate`, one modality of the clips that have both; return what is left of each."""
    hit = has_visual & has_audio & (torch.rand(has_visual.shape, device=has_visual.device) < rate)
    hide_visual = torch.rand(has_visual.shape, device=has_visual.device) < 0.5
    return has_visual & ~(hit & hide_visual), has_audio & ~(hit & ~hide_visual)


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

"""What every fusion is given, and the state that stands in for what is missing.

A missing stream is a learned state of its own, not zeros, and in training one of two present
modalities is hidden at random, so that the fused head is at home with silent and faceless clips.
Reference: Neverova et al. 2016, ModDrop.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avfake.models.fusion.config import FusionConfig


@dataclass(frozen=True)
class Stream:
    """One line of evidence on its way into the fusion. All float32."""

    embedding: Tensor
    """[B, D]"""
    items: Tensor
    """[B, N, D], of which the embedding was made."""
    mask: Tensor
    """[B, N] bool, False at padding."""
    logit: Tensor | None
    """[B], what the head of this stream says by itself; None where it has no head."""

    def detach(self) -> "Stream":
        """The same without a way back for the gradient."""
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
        """Fused features [B, H].

        Args:
            streams: by name; None, or no entry, where no clip of the batch has it
            present: by name, [B] bool, for every stream of the model
        """
        raise NotImplementedError


class StateFusion(Fusion):
    """What the fusions over features share: the learned states of absence."""

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
        """Streams without gaps, in the order of `names` -> [B, H]."""
        raise NotImplementedError


def drop_one_modality(has_visual: Tensor, has_audio: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Presence after hiding, at `rate`, one modality of the clips that have both; never both."""
    hit = has_visual & has_audio & (torch.rand(has_visual.shape, device=has_visual.device) < rate)
    hide_visual = torch.rand(has_visual.shape, device=has_visual.device) < 0.5
    return has_visual & ~(hit & hide_visual), has_audio & ~(hit & ~hide_visual)


def _fill(stream: Stream | None, absent: Tensor, present: Tensor) -> Stream:
    """The state of absence as embedding and as the only item, where the stream is absent."""
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

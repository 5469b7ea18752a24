"""From the items of one modality (frames or windows) to item logits and one clip embedding.

Only the items that are there reach the network: they are gathered by the mask, and their features
scattered back, so that padding costs no time and cannot leak through batch normalisation.
[B, N, ...], mask [B, N] -> `BranchOutput`. D (F + 1) + D + 1 parameters beside network and pool.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avfake.config import nearest
from avfake.errors import ConfigError
from avfake.models.pooling import AttentionPool


@dataclass(frozen=True)
class BranchOutput:
    """What one modality says of a clip. All float32."""

    embedding: Tensor
    """[B, D]; zeros where the clip lacks the modality."""
    item_logits: Tensor
    """[B, N]; zeros at padding."""
    item_shares: Tensor
    """[B, N], the weight of each item in the embedding; rows sum to one, or to zero if absent."""
    items: Tensor
    """[B, N, D], zeros at padding."""
    mask: Tensor
    """[B, N] bool"""
    present: Tensor
    """[B] bool"""


class ItemEncoder(nn.Module):
    """The half that the modalities share: projection, item logit and pooling."""

    def __init__(
        self, feature_dim: int, embedding_dim: int, dropout: float, *, head: str = "plain"
    ) -> None:
        """head: a key of `HEAD_KINDS`."""
        super().__init__()
        self.project = HEAD_KINDS[head](feature_dim, embedding_dim, dropout)
        self.item_logit = nn.Linear(embedding_dim, 1)
        self.pool = AttentionPool(embedding_dim)
        self.embedding_dim = embedding_dim

    def forward(self, features: Tensor, mask: Tensor) -> BranchOutput:
        """
        Args:
            features: [M, F], one row for each True in mask, in its order
            mask: [B, N] bool
        """
        items = self.project(features).float()  # [M, D]
        logits = self.item_logit(items).squeeze(-1).float()  # [M]
        padded = items.new_zeros(*mask.shape, self.embedding_dim)
        padded = padded.index_put((mask,), items)  # [B, N, D]
        padded_logits = logits.new_zeros(mask.shape).index_put((mask,), logits)
        embedding, shares = self.pool(padded, mask)
        return BranchOutput(embedding, padded_logits, shares, padded, mask, mask.any(dim=1))


class ItemNorm(nn.BatchNorm1d):
    """Batch normalisation of [M, F] that bears a batch of one item, by the running statistics."""

    def forward(self, features: Tensor) -> Tensor:
        if self.training and len(features) < 2:
            return F.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(features)


def _plain(feature_dim: int, embedding_dim: int, dropout: float) -> nn.Module:
    return nn.Sequential(
        nn.Dropout(dropout), nn.Linear(feature_dim, embedding_dim), nn.LayerNorm(embedding_dim)
    )


def _linear(feature_dim: int, embedding_dim: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(feature_dim, embedding_dim))


def _bn_mlp(feature_dim: int, embedding_dim: int, dropout: float) -> nn.Module:
    return nn.Sequential(
        ItemNorm(feature_dim),
        nn.Dropout(dropout),
        nn.Linear(feature_dim, embedding_dim),
        nn.ReLU(),
        ItemNorm(embedding_dim),
        nn.Dropout(dropout),
    )


HEAD_KINDS: dict[str, Callable[[int, int, float], nn.Module]] = {
    "plain": _plain,
    "linear": _linear,
    "bn_mlp": _bn_mlp,
}
"""From the features of an item [M, F] to its embedding [M, D], of which its logit is linear."""


class EncoderSettings(Protocol):
    """What the configs of the modalities share."""

    @property
    def head(self) -> str: ...
    @property
    def embedding_dim(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def drop_path(self) -> float: ...


def check_encoder(modality: str, config: EncoderSettings) -> None:
    """ConfigError for what no branch can be built with."""
    check_choice(f"{modality}.head", config.head, HEAD_KINDS)
    if config.embedding_dim < 1:
        raise ConfigError(f"{modality}.embedding_dim must be 1 or more, got {config.embedding_dim}")
    for name in ("dropout", "drop_path"):
        if not 0 <= getattr(config, name) < 1:
            raise ConfigError(f"{modality}.{name} must be in [0, 1), got {getattr(config, name)}")


def check_choice(name: str, found: str, allowed: Collection[str]) -> None:
    """ConfigError, with the nearest, unless it is among them."""
    if found not in allowed:
        raise ConfigError(
            f"{name} must be one of {', '.join(allowed)}, got {found!r}{nearest(found, allowed)}"
        )


MAX_ITEMS = 64
"""Items that go through a network at once outside training: bounds the memory for long files."""


def encode_present(network: nn.Module, items: Tensor, feature_dim: int) -> Tensor:
    """[M, ...] -> [M, feature_dim]; nothing at all is run for M = 0."""
    if len(items) == 0:
        return items.new_zeros(0, feature_dim)
    if not network.training and len(items) > MAX_ITEMS:
        parts = items.split(MAX_ITEMS)
        return torch.cat([encode_present(network, part, feature_dim) for part in parts])
    if items.ndim == 4:
        items = items.contiguous(memory_format=torch.channels_last)
    features: Tensor = network(items)
    return features

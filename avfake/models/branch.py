"""From the items of one modality (frames or windows) to item logits and one clip embedding.

Only real items reach the network: they are gathered by the mask, and their features scattered back,
so that padding costs no time and cannot leak through batch normalisation.
[B, N, ...], mask [B, N] -> `BranchOutput`. D (F + 1) + D + 1 parameters beside network and pool.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avfake.errors import ConfigError, check_choice, check_ranges
from avfake.models.backbone import TUNED, Backbone
from avfake.models.frozen import Frozen
from avfake.models.inference import InferenceForm
from avfake.models.pretrained import check_source
from avfake.threads import num_parts, run_each

MAX_ITEMS = {"cpu": 4, "cuda": 64}
"""Device -> items that go through a network at once outside training: bounds the memory for long
files. On a CPU 8 pictures at once take longer than 4 (`benchmarks/network_speed.py`)."""


@dataclass(frozen=True)
class BranchOutput:
    """Results of one modality. All float32."""

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


class Branch(nn.Module):
    """Base of the branches: a backbone for the items, and the encoder over its features."""

    def __init__(self, config: Any, backbone: Backbone, num_statistics: int = 0) -> None:
        """
        Args:
            config: a `VisualConfig` or `AudioConfig`
            num_statistics: numbers beside the features of the backbone
        """
        super().__init__()
        self.config = config
        self.pretrained_used = backbone.pretrained_used
        self.frozen = backbone.network if isinstance(backbone.network, Frozen) else None
        self.backbone = backbone.network if isinstance(backbone.network, nn.Module) else None
        self.inference: InferenceForm | None = None
        self.backbone_dim = backbone.feature_dim
        parts = (backbone.feature_dim, num_statistics) if num_statistics else (self.backbone_dim,)
        self.feature_dim = sum(parts)
        self.encoder = ItemEncoder(parts, config.embedding_dim, config.dropout, head=config.head)

    def features(self, items: Tensor) -> Tensor:
        """Crops or windows [M, ...] -> [M, feature_dim]"""
        raise NotImplementedError

    def forward(self, items: Tensor, mask: Tensor) -> BranchOutput:
        """Return item logits and the embedding of each clip.

        Args:
            items: [B, N, ...] crops or windows
            mask: [B, N] bool
        """
        return self.encode(self.features(items[mask]), mask)

    def encode(self, features: Tensor, mask: Tensor) -> BranchOutput:
        """Return the same for features [M, feature_dim], one row for each True in the mask."""
        encoded: BranchOutput = self.encoder(features, mask)
        return encoded

    def encode_items(self, items: Tensor) -> Tensor:
        """[M, ...] -> [M, backbone_dim]; the backbone is not run for M = 0."""
        if len(items) == 0:
            return items.new_zeros(0, self.backbone_dim)
        if (self.training and self.backbone) or torch.jit.is_tracing():
            # Batch statistics are those of all items, and a graph is for any number of them.
            return self._encode(items)
        if items.device.type != "cpu":
            return torch.cat([self._encode(part) for part in items.split(MAX_ITEMS["cuda"])])
        parts = items.tensor_split(num_parts(len(items), MAX_ITEMS["cpu"]))
        if torch.is_grad_enabled():
            return torch.cat([self._encode(part) for part in parts])
        return torch.cat(run_each(self._encode, parts))

    def _encode(self, items: Tensor) -> Tensor:
        if items.ndim == 4:
            items = items.contiguous(memory_format=torch.channels_last)
        network = self._inference_of(items) or self.frozen or self.backbone
        assert network is not None
        features: Tensor = network(items)
        return features

    def prepare_inference(self, runtime: str) -> None:
        """Let the backbone run in its inference form.

        A frozen backbone does so wherever its input needs no gradient, and branches that share it
        share its form; another one without gradients, until it is trained again.
        runtime: torch or openvino
        """
        form = self.frozen.inference if self.frozen else self.inference
        network = self.frozen.network if self.frozen else self.backbone
        assert network is not None
        if form is None or form.asked != runtime or form.network is not network:
            form = InferenceForm(network.eval(), runtime)
        if self.frozen:
            self.frozen.inference = form
        else:
            self.inference = form

    def train(self, mode: bool = True) -> Self:
        """Set the mode of training or evaluation; training changes what a form was made of."""
        if mode:
            self.inference = None
        return super().train(mode)

    def _inference_of(self, items: Tensor) -> InferenceForm | None:
        """Return the form of the backbone where it is to run on these items."""
        form = self.frozen.inference if self.frozen else self.inference
        if torch.jit.is_tracing() or items.device.type != "cpu" or items.requires_grad:
            return None
        if not self.frozen and (self.training or torch.is_grad_enabled()):
            return None
        # A backbone that was replaced since has no form.
        is_same = form and form.network is (self.frozen.network if self.frozen else self.backbone)
        return form if is_same else None


class ItemEncoder(nn.Module):
    """The part that the modalities share: projection, item logit and pooling."""

    def __init__(
        self, parts: tuple[int, ...], embedding_dim: int, dropout: float, *, head: str = "plain"
    ) -> None:
        """
        Args:
            parts: number of features of each kind, in their order
            head: a key of `HEAD_KINDS`
        """
        super().__init__()
        self.project = HEAD_KINDS[head](parts, embedding_dim, dropout)
        self.item_logit = nn.Linear(embedding_dim, 1)
        self.pool = AttentionPool(embedding_dim)

    def forward(self, features: Tensor, mask: Tensor) -> BranchOutput:
        """Return logits and embedding.

        Args:
            features: [M, F], one row for each True in mask, in its order
            mask: [B, N] bool
        """
        items, logits = self._items(features)
        padded, padded_logits = scatter(items, mask), scatter(logits, mask)
        embedding, shares = self.pool(padded, mask)
        return BranchOutput(embedding, padded_logits, shares, padded, mask, mask.any(dim=1))

    def encode_one(self, features: Tensor, present: Tensor) -> BranchOutput:
        """Return the same for one clip without padding: features [N, F], present [1] bool."""
        items, logits = self._items(features)
        mask = torch.ones_like(logits, dtype=torch.bool).unsqueeze(0)
        embedding, shares = self.pool(items.unsqueeze(0), mask)
        row = logits.unsqueeze(0), shares, items.unsqueeze(0)
        return BranchOutput(embedding, *row, mask, present)

    def _items(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[M, F] -> embeddings [M, D] and logits [M], float32"""
        items = self.project(features).float()
        return items, self.item_logit(items).squeeze(-1).float()


class AttentionPool(nn.Module):
    """Weighted sum of a masked set of items; the order of the items does not matter.

    Each item is given a share by a small gated network, and the shares of a clip sum to one: a few
    forged frames can outweigh many genuine ones, and the shares show which.
    Reference: Ilse, Tomczak & Welling 2018, Attention-based Deep Multiple Instance Learning.
    [B, N, D], mask [B, N] -> [B, D], shares [B, N]. 2 H (D + 1) + H + 1 parameters.
    """

    def __init__(self, dim: int, hidden_dim: int = 64) -> None:
        super().__init__()
        self.content = nn.Linear(dim, hidden_dim)
        self.gate = nn.Linear(dim, hidden_dim)
        self.score = nn.Linear(hidden_dim, 1)

    def forward(self, items: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled items and shares, both float32; zeros for a row without any item."""
        hidden = torch.tanh(self.content(items)) * torch.sigmoid(self.gate(items))
        scores = self.score(hidden).squeeze(-1).float()  # [B, N, D] -> [B, N]
        # The lowest finite number, not -inf: the softmax of a row of -inf is NaN.
        shares = scores.masked_fill(~mask, torch.finfo(torch.float32).min).softmax(dim=1) * mask
        return (shares.unsqueeze(-1) * items.float()).sum(dim=1), shares


class ItemNorm(nn.BatchNorm1d):
    """Batch normalisation of [M, F] that supports batch size 1, by the running statistics."""

    def forward(self, features: Tensor) -> Tensor:
        if self.training and len(features) < 2:
            return F.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(features)


class Standardise(nn.Module):
    """[M, F] -> [M, F] float32 of mean 0 and deviation 1 over the training data, clamped.

    By the statistics of the batch in training, by running statistics after it. Features of
    different kinds are then scaled to the same total variance, or the few would not be heard beside
    the many.
    """

    MAX_DEVIATIONS = 4.0
    """A statistic further from the mean shows that a file is unusual, and not how much."""

    scale: Tensor

    def __init__(self, *parts: int) -> None:
        """parts: number of features of each kind, in their order"""
        super().__init__()
        self.norm = ItemNorm(sum(parts), affine=False)
        scales = [torch.full((n,), (sum(parts) / (len(parts) * n)) ** 0.5) for n in parts]
        self.register_buffer("scale", torch.cat(scales), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        normalised: Tensor = self.norm(features.float())
        return normalised.clamp(-self.MAX_DEVIATIONS, self.MAX_DEVIATIONS) * self.scale


Parts = tuple[int, ...]
"""Number of features of each kind."""


def _linear(parts: Parts, embedding_dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(sum(parts), embedding_dim))


def _standardised(parts: Parts, embedding_dim: int, dropout: float) -> nn.Module:
    return nn.Sequential(Standardise(*parts), *_linear(parts, embedding_dim, dropout))


def _plain(parts: Parts, embedding_dim: int, dropout: float) -> nn.Module:
    return _linear(parts, embedding_dim, dropout).append(nn.LayerNorm(embedding_dim))


def _bn_mlp(parts: Parts, embedding_dim: int, dropout: float) -> nn.Module:
    return nn.Sequential(
        ItemNorm(sum(parts)),
        *_linear(parts, embedding_dim, dropout),
        nn.ReLU(),
        ItemNorm(embedding_dim),
        nn.Dropout(dropout),
    )


HEAD_KINDS: dict[str, Callable[[Parts, int, float], nn.Module]] = {
    "plain": _plain,
    "standardised": _standardised,
    "bn_mlp": _bn_mlp,
}
"""From the features of an item [M, F] to its embedding [M, D], of which its logit is linear."""


def scatter(values: Tensor, mask: Tensor) -> Tensor:
    """[M, ...], one row for each True in mask [B, N] -> [B, N, ...], zeros elsewhere."""
    padded = values.new_zeros(*mask.shape, *values.shape[1:])
    return padded.index_put((mask,), values)


def check_backbone_settings(modality: str, config: Any) -> None:
    """Raise ConfigError for weights or layers of a backbone that cannot be."""
    check_source(f"{modality}.weights", config.weights)
    check_choice(f"{modality}.tune", config.tune, TUNED)
    if any(layer < 0 for layer in config.layers) or len({*config.layers}) < len(config.layers):
        raise ConfigError(f"{modality}.layers are different numbers from 0 on, got {config.layers}")


def check_encoder(modality: str, config: Any) -> None:
    """Raise ConfigError for settings of a branch that cannot be built."""
    check_choice(f"{modality}.head", config.head, HEAD_KINDS)
    check_ranges(config, modality, embedding_dim="[1, inf)", dropout="[0, 1)", drop_path="[0, 1)")

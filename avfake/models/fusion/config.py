"""Which fusion, and its knobs."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import tyro

from avfake.config import nearest
from avfake.errors import ConfigError

FusionKind = Literal["gated", "concat", "cross_attention", "bilinear", "late"]
KINDS: tuple[FusionKind, ...] = get_args(FusionKind)
NUM_HEADS = 4
"""Of the cross-attention."""


@dataclass(frozen=True)
class FusionConfig:
    """How face and voice come together."""

    kind: Annotated[FusionKind, tyro.conf.arg(aliases=["--fusion"])] = "gated"
    """gated: gates that see both modalities say how much of each is heard. concat: one layer over
    both. cross_attention: frames and windows look at each other before they are pooled. bilinear:
    products of both. late: no more than the mean of the face's and the voice's logit."""
    hidden_dim: int = 256
    dropout: float = 0.2
    """Of the fused features, 0 to 1."""
    end_to_end: bool = False
    """Whether the overall label trains the branches too. Off: a fake whose forged part is unknown
    (any DFDC fake) would teach the voice branch that a genuine voice is forged."""
    modality_dropout: float = 0.2
    """How often, in training, one modality of a clip that has both is hidden; 0 to 1."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(
                f"fusion.kind {self.kind!r} is unknown{nearest(self.kind, KINDS)}; "
                f"known: {', '.join(KINDS)}"
            )
        if self.hidden_dim < 1:
            raise ConfigError(f"fusion.hidden_dim must be 1 or more, got {self.hidden_dim}")
        if self.kind == "cross_attention" and self.hidden_dim % NUM_HEADS:
            raise ConfigError(
                f"fusion.hidden_dim must be a multiple of {NUM_HEADS} for cross_attention, "
                f"got {self.hidden_dim}"
            )
        if not 0 <= self.dropout < 1 or not 0 <= self.modality_dropout <= 1:
            raise ConfigError(
                f"fusion.dropout must be in [0, 1) and modality_dropout in [0, 1], got "
                f"{self.dropout} and {self.modality_dropout}"
            )

"""The settings of a training run."""

from dataclasses import dataclass, field
from typing import Literal

from avfake.errors import ConfigError
from avfake.train.optimizers import OptimizerConfig
from avfake.train.schedules import ScheduleConfig

PRECISIONS = ("auto", "no", "bf16", "fp16")
DEVICES = ("auto", "cpu")


@dataclass(frozen=True)
class FitConfig:
    """How a model is trained."""

    epochs: int = 20
    seed: int = 0
    """Of dropout, masking and shuffling; each epoch draws from (seed, epoch, process)."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """auto = bf16 on a GPU that has it, no elsewhere; fp16 needs a GPU."""
    device: Literal["auto", "cpu"] = "auto"
    """auto = the GPU where there is one."""
    accumulation: int = 1
    """Batches whose gradients are averaged into one step."""
    clip_norm: float = 1.0
    """Longest gradient a step may take; 0 = any."""
    average_decay: float = 0.0
    """Of the running average of the weights that is validated and kept; 0 = no average."""
    patience: int = 0
    """Epochs without a new best before training stops; 0 = it never stops early."""
    metric: str = "log_loss"
    """The key of the validation that picks the best epoch; lower is better."""
    progress: bool = True
    """A live bar, where there is a terminal to show it."""

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulation"):
            if getattr(self, name) < 1:
                raise ConfigError(f"fit.{name} must be 1 or more, got {getattr(self, name)}")
        for name in ("seed", "patience", "clip_norm"):
            if getattr(self, name) < 0:
                raise ConfigError(f"fit.{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.average_decay < 1:
            raise ConfigError(f"fit.average_decay must be in [0, 1), got {self.average_decay}")
        for name, allowed in (("mixed_precision", PRECISIONS), ("device", DEVICES)):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"fit.{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )

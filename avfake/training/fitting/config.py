"""The settings of a training run."""

from dataclasses import dataclass, field
from typing import Literal

from avfake.config import nearest
from avfake.errors import ConfigError
from avfake.training.fitting.optimizers import OptimizerConfig
from avfake.training.fitting.schedules import ScheduleConfig
from avfake.training.fitting.trackers import check_trackers

CHOICES = {
    "mixed_precision": ("auto", "no", "bf16", "fp16"),
    "device": ("auto", "cpu"),
    "average": ("none", "ema", "swa"),
    "keep_checkpoints": ("last", "all"),
}


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
    frozen_epochs: int = 0
    """First epochs in which modules called `backbone` stand still, their batch statistics
    included. The schedule runs once over these epochs and once over the rest."""
    average: Literal["none", "ema", "swa"] = "none"
    """Validate and keep a running average of the weights: ema = exponential, after every step;
    swa = plain (Izmailov et al. 2018), after every epoch of the last stretch, its batch statistics
    measured anew over the epoch's batches."""
    average_decay: float = 0.999
    """Of ema."""
    average_start: float = 0.75
    """Of swa: share of the epochs after which it begins, 0 to 1."""
    patience: int = 0
    """Epochs without a new best before training stops; 0 = it never stops early."""
    metric: str = "log_loss"
    """The key of the validation that picks the best epoch; lower is better."""
    first_best_epoch: int = 1
    """Epochs before it are not taken for the best, however well they validate."""
    keep_checkpoints: Literal["last", "all"] = "last"
    """all = the weights of every epoch stay, to choose from or to average; see `epoch_weights`."""
    trackers: tuple[str, ...] = ("tensorboard",)
    """Who is told of every epoch: names that Accelerate knows, such as tensorboard or wandb. Those
    that write files write below the run folder."""
    progress: bool = True
    """A live bar, where there is a terminal to show it."""

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulation", "first_best_epoch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"fit.{name} must be 1 or more, got {getattr(self, name)}")
        for name in ("seed", "patience", "clip_norm", "frozen_epochs"):
            if getattr(self, name) < 0:
                raise ConfigError(f"fit.{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.average_decay < 1:
            raise ConfigError(f"fit.average_decay must be in [0, 1), got {self.average_decay}")
        if not 0 <= self.average_start < 1:
            raise ConfigError(f"fit.average_start must be in [0, 1), got {self.average_start}")
        for name in ("frozen_epochs", "first_best_epoch"):
            if getattr(self, name) > self.epochs:
                raise ConfigError(
                    f"fit.{name} is {getattr(self, name)}, of {self.epochs} fit.epochs in all"
                )
        for name, allowed in CHOICES.items():
            found = getattr(self, name)
            if found not in allowed:
                raise ConfigError(
                    f"fit.{name} must be one of {', '.join(allowed)}, got {found!r}"
                    f"{nearest(str(found), allowed)}"
                )
        if self.optimizer.sam_rho and (self.accumulation > 1 or self.mixed_precision == "fp16"):
            raise ConfigError(
                "optimizer.sam_rho needs fit.accumulation 1 and no fp16: it takes two gradients of "
                "one batch, unscaled"
            )
        check_trackers(self.trackers)

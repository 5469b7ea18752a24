"""Settings of optimisation: how one model is trained."""

from dataclasses import dataclass
from typing import Literal

from avfake.errors import ConfigError, check_choice, check_ranges, require

CHOICES = {
    "optimizer": ("adamw", "adam", "sgd"),
    "schedule": ("cosine", "one_cycle", "poly", "constant", "plateau"),
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
    """Seed of dropout, masking and shuffling; each epoch draws from (seed, epoch, process)."""
    optimizer: str = "adamw"
    """adamw, adam or sgd."""
    learning_rate: float = 3e-4
    weight_decay: float = 0.01
    """Not applied to biases and to the scales of normalisations."""
    momentum: float = 0.9
    """Nesterov momentum of sgd; first beta of adam and adamw."""
    backbone_multiplier: float = 1.0
    """Factor of the learning rate for parameters under a module called `backbone`, 0 to 10."""
    sam_rho: float = 0.0
    """Radius of the perturbation of sharpness-aware minimisation (Foret et al. 2021); 0.05 is
    usual, at twice the time a step; 0 = off."""
    schedule: str = "cosine"
    """cosine, one_cycle, poly, constant or plateau."""
    warmup_epochs: float = 0.5
    """Linear rise of the learning rate at the start; one_cycle has its own."""
    final_fraction: float = 0.01
    """Share of the full learning rate at the end, 0 to 1."""
    power: float = 0.9
    """Exponent of the poly schedule."""
    rise_fraction: float = 0.3
    """Share of the one_cycle schedule in which the rate rises, 0 to 1."""
    plateau_factor: float = 0.5
    """Factor by which the plateau schedule lowers the rate, 0 to 1."""
    plateau_patience: int = 2
    """Epochs without a new best before the plateau schedule lowers the rate."""
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """auto = bf16 on a GPU that has it, no elsewhere; fp16 needs a GPU."""
    device: Literal["auto", "cpu"] = "auto"
    """auto = the GPU where there is one."""
    compile: bool = False
    """Compile the modules called `backbone` with torch.compile: the first steps take minutes, the
    later ones less time. On a CPU it needs a C++ compiler."""
    accumulation: int = 1
    """Batches whose gradients are averaged into one step."""
    clip_norm: float = 1.0
    """Largest norm of the gradient of a step; 0 = any."""
    frozen_epochs: int = 0
    """First epochs in which modules called `backbone` are frozen, batch statistics included. The
    schedule runs once over these epochs and once over the rest."""
    average: Literal["none", "ema", "swa"] = "none"
    """Validate and keep a running average of the weights: ema = exponential, after every step;
    swa = plain (Izmailov et al. 2018), after each of the last epochs (`average_start`), with batch
    statistics measured again over the epoch's batches."""
    average_decay: float = 0.999
    """Decay of ema."""
    average_start: float = 0.75
    """Share of the epochs after which swa begins, 0 to 1."""
    patience: int = 0
    """Epochs without a new best before training stops; 0 = it never stops early."""
    metric: str = "log_loss"
    """Validation metric that selects the best epoch; lower is better."""
    first_best_epoch: int = 1
    """First epoch that can be the best."""
    keep_checkpoints: Literal["last", "all"] = "last"
    """all = keep the weights of every epoch."""
    trackers: tuple[str, ...] = ("tensorboard",)
    """Experiment trackers that receive every epoch, by Accelerate's names, such as tensorboard or
    wandb. Those that write files write below the run folder."""
    progress: bool = True
    """Show a progress bar in a terminal."""

    def __post_init__(self) -> None:
        counts = ("epochs", "accumulation", "first_best_epoch")
        zero_or_more = (
            *("seed", "patience", "clip_norm", "frozen_epochs", "weight_decay"),
            *("sam_rho", "warmup_epochs", "power", "plateau_patience"),
        )
        shares = ("final_fraction", "rise_fraction", "plateau_factor")
        check_ranges(
            self,
            "fit",
            **dict.fromkeys(counts, "[1, inf)"),
            **dict.fromkeys(zero_or_more, "[0, inf)"),
            **dict.fromkeys(shares, "[0, 1]"),
            **dict.fromkeys(("average_decay", "average_start", "momentum"), "[0, 1)"),
            learning_rate="(0, inf)",
            backbone_multiplier="[0, 10]",
        )
        for name in ("frozen_epochs", "first_best_epoch"):
            if getattr(self, name) > self.epochs:
                raise ConfigError(
                    f"fit.{name} is {getattr(self, name)}, but there are only {self.epochs} "
                    "fit.epochs"
                )
        for name, allowed in CHOICES.items():
            check_choice(f"fit.{name}", str(getattr(self, name)), allowed)
        if self.sam_rho and (self.accumulation > 1 or self.mixed_precision == "fp16"):
            raise ConfigError(
                "fit.sam_rho needs fit.accumulation 1 and no fp16: it takes two gradients of "
                "one batch, unscaled"
            )
        for name in self.trackers:
            if name != "tensorboard":
                tracking = require("accelerate.tracking", "train")
                check_choice("fit.trackers", name, tracking.LOGGER_TYPE_TO_CLASS)

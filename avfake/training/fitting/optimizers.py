"""The optimizer, with weight decay where it belongs and a rate of its own for the backbone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from avfake.config import nearest
from avfake.errors import ConfigError


@dataclass(frozen=True)
class OptimizerConfig:
    """How steps are taken."""

    name: str = "adamw"
    """A key of `OPTIMIZERS`."""
    learning_rate: float = 3e-4
    weight_decay: float = 0.01
    """Not applied to biases and to the scales of normalisations."""
    momentum: float = 0.9
    """Of sgd (Nesterov); adam and adamw take it as their first beta."""
    backbone_multiplier: float = 1.0
    """Times the learning rate, for parameters under a module called `backbone`; 0 to 10."""
    sam_rho: float = 0.0
    """How far up the gradient sharpness-aware minimisation (Foret et al. 2021) looks before it
    steps down; 0.05 is usual, at twice the time a step; 0 = off."""

    def __post_init__(self) -> None:
        if self.name not in OPTIMIZERS:
            raise ConfigError(
                f"optimizer.name {self.name!r} is unknown{nearest(self.name, OPTIMIZERS)}; "
                f"known: {', '.join(OPTIMIZERS)}"
            )
        if self.learning_rate <= 0 or self.weight_decay < 0:
            raise ConfigError(
                f"optimizer needs learning_rate > 0 and weight_decay >= 0, got "
                f"{self.learning_rate} and {self.weight_decay}"
            )
        if self.sam_rho < 0:
            raise ConfigError(f"optimizer.sam_rho must be 0 or more, got {self.sam_rho}")
        if not 0 <= self.momentum < 1 or not 0 <= self.backbone_multiplier <= 10:
            raise ConfigError(
                f"optimizer needs momentum in [0, 1) and backbone_multiplier in [0, 10], got "
                f"{self.momentum} and {self.backbone_multiplier}"
            )


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> Optimizer:
    """The optimizer over the parameters that require a gradient; `base_lr` stands in each group."""
    return OPTIMIZERS[config.name](parameter_groups(model, config), config)


def parameter_groups(model: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Up to four groups: backbone or not, decayed or not."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            # Vectors are biases, scales of normalisations and learned states.
            key = ("backbone" in name.split("."), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    rates = dict.fromkeys((True, False), config.learning_rate)
    rates[True] *= config.backbone_multiplier
    return [
        {
            "params": parameters,
            "lr": rates[is_backbone],
            "base_lr": rates[is_backbone],
            "weight_decay": config.weight_decay if is_decayed else 0.0,
        }
        for (is_backbone, is_decayed), parameters in sorted(groups.items())
    ]


def set_rate(optimizer: Optimizer, factor: float) -> None:
    """Sets each group to its base rate times the factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


def _adamw(groups: Iterable[dict[str, Any]], config: OptimizerConfig) -> Optimizer:
    return AdamW(groups, lr=config.learning_rate, betas=(config.momentum, 0.999))


def _adam(groups: Iterable[dict[str, Any]], config: OptimizerConfig) -> Optimizer:
    return Adam(groups, lr=config.learning_rate, betas=(config.momentum, 0.999))


def _sgd(groups: Iterable[dict[str, Any]], config: OptimizerConfig) -> Optimizer:
    nesterov = config.momentum > 0
    return SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=nesterov)


OPTIMIZERS: dict[str, Callable[[Iterable[dict[str, Any]], OptimizerConfig], Optimizer]] = {
    "adamw": _adamw,
    "adam": _adam,
    "sgd": _sgd,
}

"""Optimizers, frozen backbones, the perturbation of SAM, and running averages of weights."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel

from avfake.errors import ConfigError
from avfake.training.fit_config import FitConfig


def build_optimizer(model: nn.Module, config: FitConfig) -> Optimizer:
    """Return the optimizer over the parameters that require a gradient.

    Each group keeps its full learning rate as `base_lr`.
    """
    groups = parameter_groups(model, config)
    if config.optimizer == "sgd":
        momentum = config.momentum
        return SGD(groups, lr=config.learning_rate, momentum=momentum, nesterov=momentum > 0)
    kind = AdamW if config.optimizer == "adamw" else Adam
    return kind(groups, lr=config.learning_rate, betas=(config.momentum, 0.999))


def parameter_groups(model: nn.Module, config: FitConfig) -> list[dict[str, Any]]:
    """Return up to four groups of parameters: in a backbone or not, decayed or not."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            # Vectors are biases, scales of normalisations and learned states: not decayed.
            key = ("backbone" in name.split("."), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    rates = {False: config.learning_rate, True: config.learning_rate * config.backbone_multiplier}
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
    """Set each group to its full learning rate times the factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


class Backbones:
    """All modules called `backbone` of a model, which can be frozen."""

    def __init__(self, model: nn.Module) -> None:
        named = model.named_modules()
        self.modules = [m for name, m in named if name.rpartition(".")[2] == "backbone"]
        self.parameters = [p for m in self.modules for p in m.parameters() if p.requires_grad]

    def compile(self) -> None:
        """Compile them in place for batches of any number of items; `restore` undoes it."""
        if not self.parameters:
            raise ConfigError("fit.compile needs a backbone that is trained; there is none")
        for module in self.modules:
            module.compile(dynamic=True)

    def restore(self) -> None:
        """Restore them as they came, neither frozen nor compiled."""
        self.freeze(frozen=False)
        for module in self.modules:
            module._compiled_call_impl = None

    def freeze(self, *, frozen: bool) -> None:
        """Freeze or release them; call it after `train()`, which undoes `eval()`."""
        if frozen and not self.modules:
            raise ConfigError("fit.frozen_epochs needs a module called backbone; there is none")
        for parameter in self.parameters:
            parameter.requires_grad_(not frozen)
        if frozen:
            for module in self.modules:
                module.eval()


@contextmanager
def sam_perturbation(model: nn.Module, rho: float) -> Iterator[None]:
    """Move the weights by `rho` along their gradient, clear the gradient, and move back at the end.

    Sharpness-aware minimisation (Foret et al. 2021), as in the training of self-blended images
    (Shiohara & Yamasaki 2022). Batch statistics do not change inside. Own code, since torch and
    timm have no SAM.
    """
    moved = [(p, p.grad, p.detach().clone()) for p in model.parameters() if p.grad is not None]
    with torch.no_grad():
        norm = torch.stack([gradient.norm() for _, gradient, _ in moved]).norm()
        for parameter, gradient, _ in moved:
            parameter.add_(gradient, alpha=rho / (float(norm) + 1e-12))
            parameter.grad = None
    try:
        with fixed_statistics(model):
            yield
    finally:
        with torch.no_grad():
            for parameter, _, before in moved:
                parameter.copy_(before)


def averaged_model(model: nn.Module, decay: float | None) -> AveragedModel:
    """Return the running average of parameters and buffers, to be moved by `update_parameters`.

    With a decay the average is exponential (Polyak & Juditsky 1992); the decay rises as
    (1 + n) / (10 + n) with the number n of updates, so that the random start soon counts for
    little. Without a decay all updates count alike (Izmailov et al. 2018).
    """

    def average(mean: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
        if not mean.is_floating_point():
            return now
        count = torch.as_tensor(count)
        share = 1 / (count + 1)
        if decay is not None:
            share = 1 - ((1 + count) / (10 + count)).clamp(max=decay)
        return mean.lerp(now, share.to(mean))

    averaged = AveragedModel(model, avg_fn=average, use_buffers=True)
    averaged.requires_grad_(False).eval()
    if decay is not None:
        averaged.n_averaged += 1  # the start counts as one update
    return averaged


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """Return the modules that keep statistics of their batches."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


@torch.no_grad()
def measure_statistics(model: nn.Module, batches: Iterable[Any]) -> None:
    """Set the running statistics of batch normalisations to their mean over the batches.

    Own code: `torch.optim.swa_utils.update_bn` leaves dropout on and takes no batch that is a
    mapping.
    """
    norms = batch_norms(model)
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean
        norm.train()
    if norms:
        for batch in batches:
            model(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()


@contextmanager
def fixed_statistics(model: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch normalisations unchanged inside the context."""
    norms = batch_norms(model)
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True

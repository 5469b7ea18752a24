"""A running average of the weights, which often validates better than the weights of any moment."""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class WeightAverage:
    """Mean of a model's parameters and buffers over time.

    With a decay it is exponential (Polyak & Juditsky 1992); the decay rises with the number of
    updates, as (1 + n) / (10 + n), so that the random start is soon forgotten. Without one, all
    updates count alike (stochastic weight averaging, Izmailov et al. 2018).
    """

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay = decay
        self.num_updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Moves the average towards the model as it is now."""
        self.num_updates += 1
        share = 1 / self.num_updates
        if self.decay is not None:
            share = 1 - min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for mean, now in zip(
            self.model.state_dict().values(), model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, share)
            else:
                mean.copy_(now)


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """The modules that keep statistics of the batches they see."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


@torch.no_grad()
def measure_statistics(model: nn.Module, batches: Iterable[Any]) -> None:
    """Sets the running statistics of batch normalisations to their mean over the batches.

    Averaged weights give other activations than any weights that were averaged; dropout stays off,
    as it will be when the model is asked.
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
    """Batches that pass inside leave no trace in the running statistics."""
    norms = batch_norms(model)
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True

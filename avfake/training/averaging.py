"""Running averages of weights, and the statistics of batch normalisation that go with them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel


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

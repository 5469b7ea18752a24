"""Sharpness-aware minimisation: the gradient is taken where, nearby, the loss is highest.

Foret et al. 2021. Every step costs two passes; self-blended faces were trained with it (Shiohara &
Yamasaki 2022).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from avfake.training.fitting.averaging import fixed_statistics


@contextmanager
def climbed(model: nn.Module, rho: float) -> Iterator[None]:
    """Inside, the weights stand `rho` up along their gradient, which is cleared; after, as before.

    Batch statistics do not move inside: the weights there are nobody's.
    """
    moved = [p for p in model.parameters() if p.grad is not None]
    before = [p.detach().clone() for p in moved]
    with torch.no_grad():
        norm = torch.stack([p.grad.norm() for p in moved if p.grad is not None]).norm()
        for parameter in moved:
            assert parameter.grad is not None
            parameter.add_(parameter.grad, alpha=rho / (float(norm) + 1e-12))
            parameter.grad = None
    try:
        with fixed_statistics(model):
            yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(moved, before, strict=True):
                parameter.copy_(value)

"""The louder spectra of a window, which are its speech: pauses differ by room and by cut."""

import torch
from torch import Tensor

LOUD_SHARE = 0.6
"""Of the spectra of a window."""


def loud_times(level: Tensor) -> Tensor:
    """[M, times] of any measure of loudness -> bool [M, times], at least one True a row."""
    return level >= level.quantile(1 - LOUD_SHARE, dim=1, keepdim=True)


def average_over(values: Tensor, weights: Tensor) -> Tensor:
    """[M, K, times] with weights [M, 1, times] -> [M, K]; 0 where nothing weighs."""
    return (values * weights).sum(dim=2) / weights.sum(dim=2).clamp(min=1)


def quantiles_over(values: Tensor, chosen: Tensor, shares: tuple[float, ...]) -> Tensor:
    """[M, times] -> [M, len(shares)] quantiles of the chosen; at least one True a row."""
    hidden = values.masked_fill(~chosen, torch.nan)
    return hidden.nanquantile(values.new_tensor(shares), dim=1).T

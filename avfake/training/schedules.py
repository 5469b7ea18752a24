"""Learning-rate schedules as pure functions of the progress of training.

Own code: torch's schedulers keep state that must be resumed, and know only whole steps.
"""

import math
from collections.abc import Callable, Sequence

from avfake.training.fit_config import FitConfig

WARMUP_START = 0.01
"""Share of the full rate at the first step of the warm-up."""


def rate_of(config: FitConfig, epochs_done: float, past: Sequence[float] = ()) -> float:
    """Return the share of the full learning rate; the schedule starts again after frozen epochs.

    past: validation metric after each epoch so far
    """
    frozen = config.frozen_epochs
    if epochs_done < frozen:
        return rate_factor(config, epochs_done, frozen, past)
    return rate_factor(config, epochs_done - frozen, config.epochs - frozen, past[frozen:])


def rate_factor(
    config: FitConfig, epochs_done: float, num_epochs: int, history: Sequence[float] = ()
) -> float:
    """Return the share of the full learning rate, 0 to 1, within one run of the schedule.

    Args:
        epochs_done: with the fraction of the current epoch
        history: validation metric after each epoch so far, lower is better; for plateau
    """
    warmup = 0.0 if config.schedule == "one_cycle" else min(config.warmup_epochs, num_epochs)
    if epochs_done < warmup:
        return WARMUP_START + (1 - WARMUP_START) * epochs_done / warmup
    done = (epochs_done - warmup) / max(num_epochs - warmup, 1e-9)
    factor = SCHEDULES[config.schedule](min(done, 1.0), config)
    return factor * plateau_drop(config, history) if config.schedule == "plateau" else factor


def plateau_drop(config: FitConfig, history: Sequence[float]) -> float:
    """Return the product of all reductions of the plateau schedule so far."""
    best, waited, drop = math.inf, 0, 1.0
    for metric in history:
        waited = 0 if metric < best else waited + 1
        best = min(best, metric)
        if waited > config.plateau_patience:
            drop, waited = drop * config.plateau_factor, 0
    return max(drop, config.final_fraction)


def _poly(done: float, config: FitConfig) -> float:
    return config.final_fraction + (1 - config.final_fraction) * float((1 - done) ** config.power)


def _one_cycle(done: float, config: FitConfig) -> float:
    """Smith & Topin 2018, Super-Convergence: up from a twenty-fifth, then down."""
    rise = config.rise_fraction
    if done < rise:
        return _half_cosine(1 / 25, 1.0, done / rise)
    return _half_cosine(1.0, config.final_fraction, (done - rise) / (1 - rise))


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


SCHEDULES: dict[str, Callable[[float, FitConfig], float]] = {
    "cosine": lambda done, config: _half_cosine(1.0, config.final_fraction, done),
    "one_cycle": _one_cycle,
    "poly": _poly,
    "constant": lambda *_: 1.0,
    "plateau": lambda *_: 1.0,
}

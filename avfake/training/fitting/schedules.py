"""The learning rate as a pure function of how far training has come.

There is no scheduler state to save: a resumed run asks the same question and gets the same answer.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avfake.config import nearest
from avfake.errors import ConfigError

WARMUP_START = 0.01
"""Share of the full rate at the first step of the warm-up."""


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate moves."""

    name: str = "cosine"
    """A key of `SCHEDULES`."""
    warmup_epochs: float = 0.5
    """Linear rise at the start; one_cycle has its own."""
    final_fraction: float = 0.01
    """Share of the full rate at the end, 0 to 1."""
    power: float = 0.9
    """Of poly."""
    rise_fraction: float = 0.3
    """Of one_cycle: share of the training spent rising, 0 to 1."""
    plateau_factor: float = 0.5
    """Of plateau: the rate is multiplied by it, 0 to 1."""
    plateau_patience: int = 2
    """Of plateau: epochs without a new best that are borne before that."""

    def __post_init__(self) -> None:
        if self.name not in SCHEDULES:
            raise ConfigError(
                f"schedule.name {self.name!r} is unknown{nearest(self.name, SCHEDULES)}; "
                f"known: {', '.join(SCHEDULES)}"
            )
        for name in ("final_fraction", "rise_fraction", "plateau_factor"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"schedule.{name} must be in [0, 1], got {getattr(self, name)}")
        for name in ("warmup_epochs", "power", "plateau_patience"):
            if getattr(self, name) < 0:
                raise ConfigError(f"schedule.{name} must be 0 or more, got {getattr(self, name)}")


def rate_factor(
    config: ScheduleConfig, epochs_done: float, num_epochs: int, history: Sequence[float] = ()
) -> float:
    """Share of the full learning rate, 0 to 1.

    Args:
        epochs_done: with the fraction of the epoch under way
        history: the validation metric after each epoch so far, lower is better; for plateau
    """
    warmup = 0.0 if config.name == "one_cycle" else min(config.warmup_epochs, num_epochs)
    if epochs_done < warmup:
        return WARMUP_START + (1 - WARMUP_START) * epochs_done / warmup
    done = (epochs_done - warmup) / max(num_epochs - warmup, 1e-9)
    factor = SCHEDULES[config.name](min(done, 1.0), config)
    return factor * plateau_drop(config, history) if config.name == "plateau" else factor


def plateau_drop(config: ScheduleConfig, history: Sequence[float]) -> float:
    """What is left of the rate after every stretch of epochs without a new best."""
    best, waited, drop = math.inf, 0, 1.0
    for metric in history:
        waited = 0 if metric < best else waited + 1
        best = min(best, metric)
        if waited > config.plateau_patience:
            drop, waited = drop * config.plateau_factor, 0
    return max(drop, config.final_fraction)


def _constant(done: float, config: ScheduleConfig) -> float:  # noqa: ARG001
    return 1.0


def _cosine(done: float, config: ScheduleConfig) -> float:
    return _between(config.final_fraction, 1.0, done)


def _poly(done: float, config: ScheduleConfig) -> float:
    final: float = config.final_fraction
    return final + (1 - final) * float((1 - done) ** config.power)


def _one_cycle(done: float, config: ScheduleConfig) -> float:
    """Smith & Topin 2018, Super-Convergence: up from a twenty-fifth, then down."""
    if done < config.rise_fraction:
        return _between(1.0, 1 / 25, done / config.rise_fraction)
    return _between(
        config.final_fraction, 1.0, (done - config.rise_fraction) / (1 - config.rise_fraction)
    )


def _between(end: float, start: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


SCHEDULES: dict[str, Callable[[float, ScheduleConfig], float]] = {
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "poly": _poly,
    "constant": _constant,
    "plateau": _constant,
}

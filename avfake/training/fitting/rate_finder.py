"""Which learning rate to take: the loss of a short run in which the rate rises from step to step.

Smith 2017, Cyclical Learning Rates. Below some rate nothing is learnt, above some the loss bursts;
where it falls steepest between the two is a good highest rate of a one-cycle schedule.
"""

import copy
import csv
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from avfake.errors import ConfigError
from avfake.storage import write_table
from avfake.training.fitting.batches import Batch, Batches, to_device
from avfake.training.fitting.config import FitConfig
from avfake.training.fitting.engine import Loss
from avfake.training.fitting.optimizers import build_optimizer, set_rate

COLUMNS = ("learning_rate", "loss", "smoothed_loss")


@dataclass(frozen=True)
class RateConfig:
    """The range that is tried."""

    lowest: float = 1e-7
    highest: float = 10.0
    num_steps: int = 100
    smoothing: float = 0.9
    """Of the loss: share of what was, at each step, 0 to 1."""
    burst: float = 4.0
    """The run ends where the smoothed loss is this many times its lowest."""

    def __post_init__(self) -> None:
        if not 0 < self.lowest < self.highest:
            raise ConfigError(f"lowest {self.lowest} must be above 0, below highest {self.highest}")
        if self.num_steps < 10 or not 0 <= self.smoothing < 1 or self.burst <= 1:
            raise ConfigError(
                "the rate finder needs num_steps of 10 or more, smoothing in [0, 1) and burst "
                f"above 1, got {self.num_steps}, {self.smoothing}, {self.burst}"
            )


@dataclass(frozen=True)
class RateFinding:
    """What was found, one entry a step."""

    rates: np.ndarray
    """float64 [N], of all parameters outside the backbone."""
    losses: np.ndarray
    """float64 [N], of the batch before the step."""
    smoothed: np.ndarray
    """float64 [N]"""

    @property
    def suggestion(self) -> float:
        """The rate where the smoothed loss falls steepest, by the logarithm of the rate.

        The first tenth is passed over: there the smoothing has too little behind it.
        """
        start, lowest = len(self.rates) // 10, int(self.smoothed.argmin())
        if lowest < start + 2:
            raise ConfigError(
                f"the loss never fell between rates {self.rates[0]:.1e} and {self.rates[-1]:.1e}; "
                "try lower rates or look at the data"
            )
        fall = slice(start, lowest + 1)
        slopes = np.gradient(self.smoothed[fall], np.log(self.rates[fall]))
        return float(self.rates[fall][slopes.argmin()])

    def save(self, path: Path) -> None:
        """Writes a csv, one row a step."""
        columns = (self.rates, self.losses, self.smoothed)
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
        write_table(path, COLUMNS, rows)

    @classmethod
    def load(cls, path: Path) -> "RateFinding":
        """Reads what `save` wrote."""
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return cls(*(np.array([float(row[column]) for row in rows]) for column in COLUMNS))


def find_rate(
    model: nn.Module,
    *,
    loss: Loss,
    batches: Batches,
    config: FitConfig,
    search: RateConfig | None = None,
) -> RateFinding:
    """The finding; the model, on whose copy all is tried, and the random state stay as they are.

    Args:
        batches: gone over again and again; the more they are, the less noise
        config: its optimizer, clip_norm, seed and device are used; rates of the backbone keep
            their proportion
    """
    search = search or RateConfig()
    if not len(batches):
        raise ConfigError("there are no batches to find a rate with")
    use_gpu = config.device == "auto" and torch.cuda.is_available()
    device = torch.device("cuda" if use_gpu else "cpu")
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if use_gpu else []):
        torch.manual_seed(config.seed)
        tried = copy.deepcopy(model).to(device).train()
        found = list(_rising(tried, loss, batches, config, search))
    rates, losses, smoothed = (np.array(column) for column in zip(*found, strict=True))
    return RateFinding(rates, losses, smoothed)


def _rising(
    model: nn.Module, loss: Loss, batches: Batches, config: FitConfig, search: RateConfig
) -> Iterator[tuple[float, float, float]]:
    """Rate, loss, smoothed loss of each step, until the loss bursts."""
    device = next(model.parameters()).device
    optimizer = build_optimizer(model, config.optimizer)
    mean, lowest = 0.0, math.inf
    rates = np.geomspace(search.lowest, search.highest, search.num_steps)
    for step, (rate, batch) in enumerate(zip(rates, _endless(batches), strict=False)):
        placed = to_device(batch, device)
        cost, _ = loss(model(placed), placed)
        value = float(cost.detach())
        if not math.isfinite(value):
            return
        mean = search.smoothing * mean + (1 - search.smoothing) * value
        smoothed = mean / (1 - search.smoothing ** (step + 1))
        lowest = min(lowest, smoothed)
        yield float(rate), value, smoothed
        if smoothed > search.burst * lowest:
            return
        optimizer.zero_grad()
        cost.backward()
        if config.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        set_rate(optimizer, float(rate) / config.optimizer.learning_rate)
        optimizer.step()


def _endless(batches: Batches) -> Iterator[Batch]:
    return itertools.chain.from_iterable(itertools.repeat(batches))

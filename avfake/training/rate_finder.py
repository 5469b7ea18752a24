"""Search of the learning rate: a short run in which the rate rises from step to step.

Smith 2017, Cyclical Learning Rates. Below some rate nothing is learned, above some the loss
diverges; where it falls steepest between the two is a good highest rate of a one-cycle schedule.
"""

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from avfake.errors import ConfigError, check_ranges
from avfake.storage import write_whole
from avfake.training.accelerator import Batches, to_device
from avfake.training.engine import Loss
from avfake.training.fit_config import FitConfig
from avfake.training.optimizers import build_optimizer, set_rate


@dataclass(frozen=True)
class RateConfig:
    """Range of learning rates that is tried."""

    lowest: float = 1e-7
    highest: float = 10.0
    num_steps: int = 100
    smoothing: float = 0.9
    """Share of the past in the running mean of the loss, 0 to 1."""
    burst: float = 4.0
    """The search ends where the smoothed loss is this many times its lowest value."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            "search",
            lowest="(0, inf)",
            highest=f"({self.lowest}, inf)",
            num_steps="[10, inf)",
            smoothing="[0, 1)",
            burst="(1, inf)",
        )


@dataclass(frozen=True)
class RateFinding:
    """Losses at rising rates, one entry a step."""

    rates: np.ndarray
    """float64 [N], of all parameters outside the backbone."""
    losses: np.ndarray
    """float64 [N], of the batch before the step."""
    smoothed: np.ndarray
    """float64 [N]"""

    @property
    def suggestion(self) -> float:
        """The rate where the smoothed loss falls steepest, by the logarithm of the rate.

        The first tenth is left out: there the running mean has too few losses.
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

    def __str__(self) -> str:
        """Lines with the loss at each power of ten, and the suggestion."""
        powers = np.unique(np.floor(np.log10(self.rates)))
        steps = [int(np.abs(np.log10(self.rates) - power).argmin()) for power in powers]
        lines = [f"learning rate {self.rates[i]:.1e}: loss {self.smoothed[i]:.3f}" for i in steps]
        return "\n".join([*lines, f"learning rate found: {self.suggestion:.2e}"])

    def save(self, path: Path) -> None:
        """Write a csv, one row a step."""
        columns = {"learning_rate": self.rates, "loss": self.losses, "smoothed_loss": self.smoothed}
        write_whole(path, pd.DataFrame(columns).to_csv(index=False))

    @classmethod
    def load(cls, path: Path) -> "RateFinding":
        """Read what `save` wrote."""
        return cls(*np.loadtxt(path, delimiter=",", skiprows=1).T)


def find_rate(
    model: nn.Module,
    *,
    loss: Loss,
    batches: Batches,
    config: FitConfig,
    search: RateConfig | None = None,
) -> RateFinding:
    """Return the losses at rising rates; the model and the random state stay as they are.

    Args:
        batches: iterated again and again; the more there are, the less noise
        config: its optimizer, clip_norm, seed and device are used; rates of the backbone keep
            their proportion
    """
    if not len(batches):
        raise ConfigError("there are no batches to find a rate with")
    use_gpu = config.device == "auto" and torch.cuda.is_available()
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if use_gpu else []):
        torch.manual_seed(config.seed)
        tried = copy.deepcopy(model).to("cuda" if use_gpu else "cpu").train()
        found = list(_rising(tried, loss, batches, config, search or RateConfig()))
    return RateFinding(*np.array(found).T)


def _rising(
    model: nn.Module, loss: Loss, batches: Batches, config: FitConfig, search: RateConfig
) -> Iterator[tuple[float, float, float]]:
    """Yield rate, loss and smoothed loss of each step, until the loss diverges."""
    device = next(model.parameters()).device
    optimizer = build_optimizer(model, config)
    mean, lowest = 0.0, math.inf
    rates = np.geomspace(search.lowest, search.highest, search.num_steps).tolist()
    endless = itertools.chain.from_iterable(itertools.repeat(batches))
    for step, (rate, batch) in enumerate(zip(rates, endless, strict=False)):
        moved = to_device(batch, device)
        cost, _ = loss(model(moved), moved)
        value = float(cost.detach())
        if not math.isfinite(value):
            return
        mean = search.smoothing * mean + (1 - search.smoothing) * value
        smoothed = mean / (1 - search.smoothing ** (step + 1))
        lowest = min(lowest, smoothed)
        yield rate, value, smoothed
        if smoothed > search.burst * lowest:
            return
        optimizer.zero_grad()
        cost.backward()
        if config.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        set_rate(optimizer, rate / config.learning_rate)
        optimizer.step()

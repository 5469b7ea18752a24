"""Confidence intervals by resampling groups, for one detector and for the difference of two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from avfake.evaluation.metrics import Metric

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its 95 % interval over draws of other groups."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, row: "pd.Series[Any]", value: str = "value") -> "Interval":
        """Return the columns "low", "high" and that of the value of a table's row."""
        return cls(float(row[value]), float(row["low"]), float(row["high"]))

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "-"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    metric: Metric,
    scores: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str],
    *,
    against: np.ndarray | None = None,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """The metric with its percentile interval (Efron 1979).

    Whole groups are drawn, because a fake and its original do not vary independently.

    Args:
        scores: [N]; or [R, N] of R runs that differ in their seed, whose metrics are averaged. The
            interval is then still one over clips: how far seeds scatter is another question.
        against: scores of another detector for the same clips, whose metric is subtracted. Both
            see the same draws, so what is hard for both cancels out.
    """

    def statistic(rows: np.ndarray) -> float:
        other = 0.0 if against is None else _over_runs(metric, against, labels, rows)
        return _over_runs(metric, scores, labels, rows) - other

    return group_interval(statistic, groups, num_resamples=num_resamples, seed=seed)


def _over_runs(metric: Metric, scores: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> float:
    return float(np.mean([metric(run[rows], labels[rows]) for run in np.atleast_2d(scores)]))


def group_interval(
    statistic: Callable[[np.ndarray], float],
    groups: Sequence[str],
    *,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Any statistic of items with its percentile interval over draws of whole groups.

    statistic: numbers of the items drawn, int [M], some more than once -> value; NaN has none
    groups: [N], of each item
    """
    value = statistic(np.arange(len(groups)))
    if np.isnan(value) or num_resamples == 0:
        return Interval(value, float("nan"), float("nan"))
    _, index = np.unique(np.asarray(groups, str), return_inverse=True)
    members = np.split(np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1])
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(members), size=len(members)) for _ in range(num_resamples)]
    # Of few groups, many draws are equal: each is measured once.
    distinct, number = np.unique(draws, axis=0, return_inverse=True)
    found = [statistic(np.concatenate([members[group] for group in draw])) for draw in distinct]
    values = np.array(found)[number.reshape(-1)]
    # A draw without fakes, or without genuine clips, has no value.
    values = values[~np.isnan(values)]
    low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
    return Interval(value, float(low), float(high))

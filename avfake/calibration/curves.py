"""Curves from logits to probabilities, and their fits to labelled clips.

Temperature (Guo et al. 2017) and Platt (1999) are lines in the logit; beta calibration (Kull et al.
2017) may bend at either end; isotonic regression (Zadrozny & Elkan 2002) is any rising staircase.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avfake.calibration.probabilities import to_probabilities


@dataclass(frozen=True)
class PlattCurve:
    """p = sigmoid(slope * logit + offset); without an offset, a temperature."""

    slope: float
    offset: float

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        return to_probabilities(self.slope * np.asarray(logits, np.float64) + self.offset)

    @property
    def kind(self) -> str:
        return "platt" if self.offset else "temperature"


@dataclass(frozen=True)
class BetaCurve:
    """logit(p) = high * -ln(1 - s) + low * ln s + offset, for s = sigmoid(logit)."""

    high: float
    low: float
    offset: float
    kind = "beta"

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        above, below = _sides(logits)
        return to_probabilities(self.high * above + self.low * below + self.offset)


@dataclass(frozen=True)
class IsotonicCurve:
    """Straight lines between steps; level beyond the first and last."""

    logits: tuple[float, ...]
    probabilities: tuple[float, ...]
    kind = "isotonic"

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        return np.interp(np.asarray(logits, np.float64), self.logits, self.probabilities)


Curve = PlattCurve | BetaCurve | IsotonicCurve
"""A rising function from logits, float64 [N], to probabilities; NaN stays NaN."""


CURVES: dict[str, Callable[..., Curve]] = {
    "temperature": PlattCurve,
    "platt": PlattCurve,
    "beta": BetaCurve,
    "isotonic": IsotonicCurve,
}
"""Kind of curve -> its class."""


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> PlattCurve:
    """Fit a slope of at least 0 without an offset."""
    [slope] = _fit_weights(np.asarray(logits, np.float64)[:, None], labels, [1.0])
    return PlattCurve(slope, 0.0)


def fit_platt(logits: np.ndarray, labels: np.ndarray) -> PlattCurve:
    """Fit a slope of at least 0 and an offset.

    A branch that is worse than chance gets slope 0: it carries no information, not the opposite.
    """
    # The optimiser wants a fixed scale, whatever the centre and spread of the logits.
    centre, spread = float(np.mean(logits)), float(np.std(logits)) or 1.0
    inputs = (np.asarray(logits, np.float64) - centre) / spread
    design = np.stack([inputs, np.ones_like(inputs)], axis=1)
    slope, offset = _fit_weights(design, labels, [1.0, 0.0])
    return PlattCurve(slope / spread, offset - slope * centre / spread)


def fit_beta(logits: np.ndarray, labels: np.ndarray) -> BetaCurve:
    """Fit both bends, neither below 0, so that the order of clips is kept, and an offset."""
    design = np.stack([*_sides(logits), np.ones(len(logits))], axis=1)
    return BetaCurve(*_fit_weights(design, labels, [1.0, 1.0, 0.0]))


def fit_isotonic(logits: np.ndarray, labels: np.ndarray) -> IsotonicCurve:
    """Fit the rising staircase of least squared error."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression().fit(logits, _targets(labels))
    steps = found.X_thresholds_, found.y_thresholds_
    return IsotonicCurve(*(tuple(map(float, one)) for one in steps))


Fit = Callable[[np.ndarray, np.ndarray], Curve]
FITS: dict[str, Fit] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}
"""Kind of curve -> its fit to logits [N] and labels [N] 1 or 0; simplest first."""


def _fit_weights(design: np.ndarray, labels: np.ndarray, start: Sequence[float]) -> list[float]:
    """Return the weights of least log-loss; those that start above 0 stay at least 0."""
    from scipy.optimize import minimize

    targets = _targets(labels)
    bounds = [(0, None) if value else (None, None) for value in start]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = design @ weights
        gradient = design.T @ (to_probabilities(logits) - targets) / len(targets)
        return float(np.mean(np.logaddexp(0, logits) - targets * logits)), gradient

    found = minimize(
        loss,
        np.array(start),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
    )
    return [float(weight) for weight in found.x]


def _targets(labels: np.ndarray) -> np.ndarray:
    """Return Platt's targets (1999): a little off 1 and 0, by the number of examples, so that a
    separable set does not end in an infinite slope."""
    num_fake = int(np.sum(labels == 1))
    num_real = len(labels) - num_fake
    return np.where(labels == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))


def _sides(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return -ln(1 - s) and ln s."""
    logits = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):  # NaN stays NaN, without a warning
        return np.logaddexp(0, logits), -np.logaddexp(0, -logits)

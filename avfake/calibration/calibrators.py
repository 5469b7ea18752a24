"""Four ways from logits to probabilities, the simplest first, and the choice between them.

Temperature (Guo et al. 2017) and Platt (1999) are lines in the logit; beta calibration (Kull et al.
2017) may bend at either end; isotonic regression (Zadrozny & Elkan 2002) is any staircase.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import signature
from typing import Any, Protocol

import numpy as np

from avfake.calibration.calibrate import PlattCalibrator, fit_calibrator
from avfake.calibration.clipping import squeeze
from avfake.calibration.logits import row_losses, to_probabilities
from avfake.errors import BundleError

ISOTONIC_ROWS = 1000
"""Isotonic regression overfits below about this many (Niculescu-Mizil & Caruana 2005)."""


class Calibrator(Protocol):
    """Logits in, probabilities out."""

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """float64 [N]; NaN stays NaN."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `read_calibrator` is the way back."""
        ...


@dataclass(frozen=True)
class BetaCalibrator:
    """logit(p) = high * -ln(1 - s) + low * ln s + offset, for s = sigmoid(logit)."""

    high: float
    low: float
    offset: float

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """float64 [N]; NaN stays NaN."""
        above, below = _sides(logits)
        return to_probabilities(self.high * above + self.low * below + self.offset)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class IsotonicCalibrator:
    """Straight lines between steps; level beyond the first and last."""

    logits: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """float64 [N]; NaN stays NaN."""
        return np.interp(np.asarray(logits, np.float64), self.logits, self.probabilities)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ClippedCalibrator:
    """Another calibrator whose probabilities stay away from 0 and 1 (see `clipping`)."""

    calibrator: Calibrator
    epsilon: float

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """float64 [N]; NaN stays NaN."""
        return squeeze(self.calibrator(logits), self.epsilon)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"calibrator": self.calibrator.to_dict(), "epsilon": self.epsilon}


def read_calibrator(fields: Mapping[str, Any]) -> Calibrator:
    """The calibrator that `to_dict` wrote, told by its fields; BundleError for any other."""
    kinds: tuple[Callable[..., Calibrator], ...] = (PlattCalibrator, BetaCalibrator)
    if set(fields) == {"calibrator", "epsilon"}:
        return ClippedCalibrator(read_calibrator(fields["calibrator"]), fields["epsilon"])
    if set(fields) == {"logits", "probabilities"}:
        return IsotonicCalibrator(tuple(fields["logits"]), tuple(fields["probabilities"]))
    for kind in kinds:
        if set(fields) == set(signature(kind).parameters):
            return kind(**fields)
    raise BundleError(f"no calibrator has the fields {', '.join(sorted(fields))}")


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> PlattCalibrator:
    """The best slope without an offset, not below 0."""
    from scipy.optimize import minimize_scalar

    targets = _targets(labels)
    found = minimize_scalar(
        lambda slope: _loss(slope * logits, targets), bounds=(0, 50), method="bounded"
    )
    return PlattCalibrator(float(found.x), 0.0)


def fit_beta(logits: np.ndarray, labels: np.ndarray) -> BetaCalibrator:
    """The best bends, neither below 0, so that the order of clips is kept."""
    from scipy.optimize import minimize

    targets, inputs = _targets(labels), np.stack([*_sides(logits), np.ones(len(logits))], axis=1)
    found = minimize(
        lambda weights: _loss(inputs @ weights, targets),
        np.array([1.0, 1.0, 0.0]),
        jac=lambda weights: inputs.T @ (to_probabilities(inputs @ weights) - targets) / len(labels),
        bounds=[(0, None), (0, None), (None, None)],
        method="L-BFGS-B",
    )
    return BetaCalibrator(*map(float, found.x))


def fit_isotonic(logits: np.ndarray, labels: np.ndarray) -> IsotonicCalibrator:
    """The best staircase."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression().fit(logits, _targets(labels))
    steps = found.X_thresholds_, found.y_thresholds_
    return IsotonicCalibrator(*(tuple(map(float, one)) for one in steps))


Fit = Callable[[np.ndarray, np.ndarray], Calibrator]
FITS: dict[str, Fit] = {
    "temperature": fit_temperature,
    "platt": fit_calibrator,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}
"""Simplest first."""


def kind_of(calibrator: Calibrator) -> str:
    """Its key in `FITS`, clipped or not; a line through the origin is a temperature."""
    if isinstance(calibrator, ClippedCalibrator):
        return kind_of(calibrator.calibrator)
    if isinstance(calibrator, PlattCalibrator):
        return "platt" if calibrator.offset else "temperature"
    return {BetaCalibrator: "beta", IsotonicCalibrator: "isotonic"}[type(calibrator)]


def choose_fit(
    logits: np.ndarray, labels: np.ndarray, groups: Sequence[str], folds: np.ndarray | None
) -> str:
    """The simplest of `FITS` whose out-of-fold log-loss is within one standard error of the best.

    All [N], without NaN. The error is that of the paired difference over whole groups. folds None:
    too few groups to compare on, so Platt's.
    """
    if folds is None:
        return "platt"
    names = [name for name in FITS if name != "isotonic" or len(labels) >= ISOTONIC_ROWS]
    losses = {
        name: row_losses(cross_fit_by(FITS[name], logits, labels, folds), labels) for name in names
    }
    best = min(losses, key=lambda name: float(losses[name].mean()))
    _, index = np.unique(np.asarray(groups, str), return_inverse=True)
    for name, values in losses.items():
        excess = values - losses[best]
        # Of a mean over groups of unequal size (Cochran 1977).
        scatter = np.bincount(index, excess - excess.mean())
        if excess.mean() <= np.sqrt(np.sum(scatter**2)) / len(excess):
            return name
    return best


def cross_fit_by(
    fit: Fit, logits: np.ndarray, labels: np.ndarray, folds: np.ndarray | None
) -> np.ndarray:
    """float64 [N]: each row calibrated by a calibrator that did not see its fold.

    labels: NaN where unknown; such rows are calibrated but not fitted on. folds None: too few
    groups to hold any out, so all rows share one calibrator.
    """
    usable = ~np.isnan(labels) & ~np.isnan(logits)
    if folds is None:
        return fit(logits[usable], labels[usable])(logits)
    probabilities = np.full(len(logits), np.nan)
    for number in np.unique(folds):
        rest, held_out = usable & (folds != number), folds == number
        probabilities[held_out] = fit(logits[rest], labels[rest])(logits[held_out])
    return probabilities


def _sides(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-ln(1 - s), ln s."""
    logits = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):  # NaN in, NaN out, without a word
        return np.logaddexp(0, logits), -np.logaddexp(0, -logits)


def _targets(labels: np.ndarray) -> np.ndarray:
    """As in `fit_calibrator`."""
    num_fake = int(np.sum(labels == 1))
    num_real = len(labels) - num_fake
    return np.where(labels == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))


def _loss(logits: np.ndarray, targets: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, logits) - targets * logits))

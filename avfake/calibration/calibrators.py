"""Calibrators: four curves from logits to probabilities, the choice of one, and its clipping.

Temperature (Guo et al. 2017) and Platt (1999) are lines in the logit; beta calibration (Kull et al.
2017) may bend at either end; isotonic regression (Zadrozny & Elkan 2002) is any rising staircase.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from avfake.calibration.probabilities import CLIP, row_losses, to_probabilities
from avfake.errors import BundleError

ISOTONIC_ROWS = 1000
"""Isotonic regression overfits below about this many (Niculescu-Mizil & Caruana 2005)."""
MAX_EPSILON = 0.1
"""Largest clip: errors that are more frequent than this are not rare, and must stay visible."""


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


@dataclass(frozen=True)
class Calibrator:
    """Logits -> probabilities that stay `epsilon` away from 0 and 1.

    A curve with few parameters has no term for rare gross errors, so one clip that is certain and
    wrong may cost more than all others together. Competitors clip by hand; here p becomes
    eps + (1 - 2 eps) p, which keeps the order of clips, with eps fitted on clips not seen.
    """

    curve: Curve
    epsilon: float = 0.0
    shift: float = 0.0
    """Added to the logit of the result, for another share of fakes than that of the rows."""

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Return float64 [N]; NaN stays NaN."""
        return shifted(squeeze(self.curve(logits), self.epsilon), self.shift)

    def __str__(self) -> str:
        kind = self.curve.kind
        return f"{kind}, kept {self.epsilon:.4f} from 0 and 1" if self.epsilon else kind

    def to_dict(self) -> dict[str, Any]:
        """Return the calibrator for JSON; `from_dict` reads it."""
        curve = {"kind": self.curve.kind, **asdict(self.curve)}
        return {"curve": curve, "epsilon": self.epsilon, "shift": self.shift}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Calibrator":
        """Read the calibrator that `to_dict` wrote; BundleError for anything else."""
        try:
            curve = dict(fields["curve"])
            kind = curve.pop("kind")
            values = {n: tuple(v) if isinstance(v, list) else v for n, v in curve.items()}
            numbers = float(fields["epsilon"]), float(fields.get("shift", 0.0))
            return cls(_CURVES[kind](**values), *numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{fields} is no calibrator: {error!r}") from error


_CURVES: dict[str, Callable[..., Curve]] = {
    "temperature": PlattCurve,
    "platt": PlattCurve,
    "beta": BetaCurve,
    "isotonic": IsotonicCurve,
}


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


def fit_calibrator(
    logits: np.ndarray, labels: np.ndarray, groups: Sequence[str], folds: np.ndarray | None
) -> tuple[Calibrator, np.ndarray]:
    """Return the calibrator of the kind chosen out of fold, and its probabilities out of fold.

    The clip is fitted on the latter; without folds there are none, and no clip.

    Args:
        labels: [N] 1, 0 or NaN; rows without a label are calibrated, not fitted on
        folds: int [N], or None where there are too few groups to hold any out
    """
    known = ~np.isnan(labels)
    kind = choose_fit(logits, labels, groups, folds)
    curve = FITS[kind](logits[known], labels[known])
    probabilities = cross_fit(FITS[kind], logits, labels, folds)
    if folds is None:
        return Calibrator(curve), probabilities
    epsilon = fit_epsilon(probabilities[known], labels[known])
    return Calibrator(curve, epsilon), squeeze(probabilities, epsilon)


def choose_fit(
    logits: np.ndarray, labels: np.ndarray, groups: Sequence[str], folds: np.ndarray | None
) -> str:
    """Return the simplest of `FITS` whose log-loss is within one standard error of the best.

    All [N]; rows without a label (NaN) do not count. The error is that of the paired difference
    over whole groups. folds None: too few groups to compare on, so Platt's.
    """
    if folds is None:
        return "platt"
    known = ~np.isnan(labels)
    losses = {
        name: row_losses(cross_fit(fit, logits, labels, folds)[known], labels[known])
        for name, fit in FITS.items()
        if name != "isotonic" or known.sum() >= ISOTONIC_ROWS
    }
    best = min(losses, key=lambda name: float(losses[name].mean()))
    _, index = np.unique(np.asarray(groups, str)[known], return_inverse=True)
    for name, values in losses.items():
        excess = values - losses[best]
        # Standard error of a mean over groups of unequal size (Cochran 1977).
        scatter = np.bincount(index, excess - excess.mean())
        if excess.mean() <= np.sqrt(np.sum(scatter**2)) / len(excess):
            return name
    return best


def cross_fit(
    fit: Fit, logits: np.ndarray, labels: np.ndarray, folds: np.ndarray | None
) -> np.ndarray:
    """Return float64 [N], each row calibrated by a curve that did not see its fold.

    labels: NaN where unknown; such rows are calibrated, not fitted on. folds None: too few groups
    to hold any out, so all rows share one curve.
    """
    usable = ~np.isnan(labels) & ~np.isnan(logits)
    if folds is None:
        return fit(logits[usable], labels[usable])(logits)
    probabilities = np.full(len(logits), np.nan)
    for number in np.unique(folds):
        rest, held_out = usable & (folds != number), folds == number
        probabilities[held_out] = fit(logits[rest], labels[rest])(logits[held_out])
    return probabilities


def squeeze(probabilities: np.ndarray, epsilon: float) -> np.ndarray:
    """Return probabilities moved into [eps, 1 - eps], float64; NaN stays NaN."""
    return epsilon + (1 - 2 * epsilon) * np.asarray(probabilities, np.float64)


def shifted(probabilities: np.ndarray | float, by: float) -> np.ndarray:
    """Return float64 probabilities whose logits are those given plus `by`; 0, 1 and NaN stay."""
    # In odds, since a logit of 0 or 1 is infinite, and a difference of none changes no bit.
    p, odds = np.asarray(probabilities, np.float64), float(np.exp(np.clip(by, -700, 700)))
    return p * odds / (p * odds + (1 - p))


def fit_epsilon(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the epsilon in [0, MAX_EPSILON] of least log-loss, for out-of-fold probabilities [N].

    labels: [N] 1 or 0. The loss is convex in epsilon, so where it rises from 0 on the answer is 0.
    """
    from scipy.optimize import brentq

    truth = np.where(labels == 1, probabilities, 1 - probabilities)
    truth = np.maximum(truth, CLIP)  # as log-losses are measured

    def slope(epsilon: float) -> float:
        return -float(np.mean((1 - 2 * truth) / squeeze(truth, epsilon)))

    if slope(0.0) >= 0:
        return 0.0
    if slope(MAX_EPSILON) <= 0:
        return MAX_EPSILON
    return float(brentq(slope, 0.0, MAX_EPSILON, xtol=1e-12))


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

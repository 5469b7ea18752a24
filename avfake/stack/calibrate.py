"""Logits -> probabilities that mean what they say, and the threshold for a false alarm rate."""

from dataclasses import asdict, dataclass

import numpy as np

from avfake.stack.logits import to_probabilities


@dataclass(frozen=True)
class PlattCalibrator:
    """p = sigmoid(slope * logit + offset)."""

    slope: float
    offset: float

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """float64 [N]; NaN stays NaN."""
        return to_probabilities(self.slope * np.asarray(logits, np.float64) + self.offset)

    def to_dict(self) -> dict[str, float]:
        """For JSON; `PlattCalibrator(**fields)` is the way back."""
        return asdict(self)


def fit_calibrator(logits: np.ndarray, labels: np.ndarray) -> PlattCalibrator:
    """The calibrator of highest likelihood for out-of-fold logits.

    labels: [N] 1 or 0. The targets are Platt's (1999): a little off 1 and 0, by the number of
    examples, so that a separable set does not end in an infinite slope.
    """
    from scipy.optimize import minimize

    num_fake = int(np.sum(labels == 1))
    num_real = len(labels) - num_fake
    targets = np.where(labels == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))
    # A fixed scale for the optimiser, whatever the spread of the logits.
    spread = float(np.std(logits)) or 1.0
    scaled = np.asarray(logits, np.float64) / spread

    def loss_and_gradient(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        z = parameters[0] * scaled + parameters[1]
        error = to_probabilities(z) - targets
        gradient = np.array([np.mean(error * scaled), np.mean(error)])
        return float(np.mean(np.logaddexp(0, z) - targets * z)), gradient

    prior = np.log((num_fake + 1) / (num_real + 1))
    # The slope stays >= 0: a branch that is worse than chance says nothing, not the opposite.
    fitted = minimize(
        loss_and_gradient,
        x0=np.array([1.0, prior]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None), (None, None)],
        options={"ftol": 1e-12, "gtol": 1e-8},
    )
    return PlattCalibrator(float(fitted.x[0]) / spread, float(fitted.x[1]))


def cross_fit(logits: np.ndarray, labels: np.ndarray, folds: np.ndarray | None) -> np.ndarray:
    """float64 [N]: each row calibrated by a calibrator that did not see its fold.

    labels: NaN where unknown; such rows are calibrated but not fitted on. folds None: too few
    groups to hold any out, so all rows share one calibrator.
    """
    usable = ~np.isnan(labels) & ~np.isnan(logits)
    if folds is None:
        return fit_calibrator(logits[usable], labels[usable])(logits)
    probabilities = np.full(len(logits), np.nan)
    for number in np.unique(folds):
        rest, held_out = usable & (folds != number), folds == number
        calibrator = fit_calibrator(logits[rest], labels[rest])
        probabilities[held_out] = calibrator(logits[held_out])
    return probabilities


def operating_point(
    probabilities: np.ndarray, labels: np.ndarray, *, false_alarm_rate: float = 0.05
) -> float:
    """Threshold that a new genuine clip exceeds with at most this probability.

    The rank counts the new clip too (Vovk et al. 2005), so with fewer than 1 / rate - 1 genuine
    clips no threshold can promise the rate, and the answer is 1: nothing is called fake.
    """
    return upper_rank(probabilities[labels == 0], 1 - false_alarm_rate, otherwise=1.0)


def upper_rank(values: np.ndarray, level: float, *, otherwise: float) -> float:
    """The value that one more draw of the same kind does not exceed, with probability `level`."""
    # The product is rounded so that 0.9 * 10 is 9 and not one float step above it.
    rank = int(np.ceil(np.round(level * (len(values) + 1), 9)))
    return float(np.sort(values)[rank - 1]) if 1 <= rank <= len(values) else otherwise

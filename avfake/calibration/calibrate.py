"""Logits -> probabilities that mean what they say, and the threshold for a false alarm rate."""

from dataclasses import asdict, dataclass

import numpy as np

from avfake.calibration.logits import to_logits, to_probabilities


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
    num_fake = int(np.sum(labels == 1))
    num_real = len(labels) - num_fake
    targets = np.where(labels == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))
    # Newton steps want a fixed scale, whatever the centre and spread of the logits.
    centre, spread = float(np.mean(logits)), float(np.std(logits)) or 1.0
    slope, offset = _newton((np.asarray(logits, np.float64) - centre) / spread, targets)
    if slope < 0:
        # A branch worse than chance says nothing, not the opposite. The loss is convex, so the
        # best slope that is not negative is then 0, and the best offset the prior.
        return PlattCalibrator(0.0, float(to_logits(float(np.mean(targets)))))
    return PlattCalibrator(slope / spread, offset - slope * centre / spread)


def _newton(inputs: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Slope and offset of least log-loss."""

    def loss(z: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0, z) - targets * z))

    design = np.stack([inputs, np.ones_like(inputs)], axis=1)
    weights = np.zeros(2)
    for _ in range(100):
        p = to_probabilities(design @ weights)
        gradient = design.T @ (p - targets) / len(targets)
        curvature = (design * (p * (1 - p))[:, None]).T @ design / len(targets)
        # The ridge is for inputs that are all the same.
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        before = loss(design @ weights)
        while loss(design @ (weights - step)) > before and np.max(np.abs(step)) > 1e-10:
            step /= 2
        weights = weights - step
        if np.max(np.abs(step)) < 1e-9:
            break
    return float(weights[0]), float(weights[1])


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

"""How far from 0 and 1 probabilities must stay, learned from what they said of clips not seen.

A calibrator with few shapes cannot say "a hundredth of all clips is beyond me", so one clip that is
certain and wrong may cost more than all others together. In competitions a clip is set by hand;
here p becomes eps + (1 - 2 eps) p, which keeps the order of clips.
"""

import numpy as np

from avfake.calibration.logits import CLIP

MAX_EPSILON = 0.1
"""What is wrong more often than this is no rare mistake any more; clipping would only hide it."""


def squeeze(probabilities: np.ndarray, epsilon: float) -> np.ndarray:
    """float64, same shape, in [eps, 1 - eps]; NaN stays NaN."""
    return epsilon + (1 - 2 * epsilon) * np.asarray(probabilities, np.float64)


def fit_epsilon(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The epsilon in [0, MAX_EPSILON] of least log-loss, for out-of-fold probabilities [N].

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

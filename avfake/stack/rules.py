"""Fixed rules from the scores of a video's frames to one score: the baselines a stacker must beat.

Each takes float [K] and gives a float; NaN for no frames, never 0.5.
"""

from collections.abc import Callable

import numpy as np

from avfake.stack.logits import CLIP

Rule = Callable[[np.ndarray], float]


def mean(scores: np.ndarray) -> float:
    """Plain average."""
    return float(np.mean(scores)) if len(scores) else float("nan")


def median(scores: np.ndarray) -> float:
    """Half the frames lie above."""
    return float(np.median(scores)) if len(scores) else float("nan")


def geometric_mean(scores: np.ndarray) -> float:
    """A few genuine-looking frames pull it down hard."""
    return float(np.exp(np.mean(np.log(np.maximum(scores, CLIP))))) if len(scores) else float("nan")


def maximum(scores: np.ndarray) -> float:
    """The most suspicious frame decides."""
    return float(np.max(scores)) if len(scores) else float("nan")


def confident(scores: np.ndarray) -> float:
    """Mean of the confident frames, where there are enough of them; else the plain mean.

    The rule of the DFDC winner (S. Seferbekov, 2020): a swap is often visible in some frames only.
    """
    high, low = scores[scores > 0.8], scores[scores < 0.2]
    if len(high) > len(scores) // 2.5 and len(high) > 11:
        return mean(high)
    if len(low) > 0.9 * len(scores):
        return mean(low)
    return mean(scores)


def weighted_by_confidence(scores: np.ndarray) -> float:
    """Mean weighted by the distance from 0.5, so that frames which cannot tell silence themselves.

    The rule of the DFDC's third place (NTechLab, 2020).
    """
    if not len(scores):
        return float("nan")
    return float(np.average(scores, weights=np.abs(scores - 0.5) + 1e-4))


RULES: dict[str, Rule] = {
    "mean": mean,
    "median": median,
    "geometric mean": geometric_mean,
    "max": maximum,
    "confident": confident,
    "weighted": weighted_by_confidence,
}

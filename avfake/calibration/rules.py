"""Fixed rules that combine many scores: over the frames of a video, its persons, or an ensemble.

Each takes float [K] and returns a float, NaN for no scores. Over frames they are the baselines that
a stacker must beat.
"""

from collections.abc import Callable, Collection

import numpy as np

from avfake.calibration.probabilities import CLIP, to_logits, to_probabilities
from avfake.config import nearest
from avfake.errors import ConfigError

Rule = Callable[[np.ndarray], float]


def mean(scores: np.ndarray) -> float:
    """Return the arithmetic mean."""
    return float(np.mean(scores)) if len(scores) else float("nan")


def median(scores: np.ndarray) -> float:
    """Return the median."""
    return float(np.median(scores)) if len(scores) else float("nan")


def geometric_mean(scores: np.ndarray) -> float:
    """Return the geometric mean; a few low scores lower it much."""
    return float(np.exp(np.mean(np.log(np.maximum(scores, CLIP))))) if len(scores) else float("nan")


def logit_mean(scores: np.ndarray) -> float:
    """Return the probability of the mean logit; scores near 0 and 1 weigh more than in the mean."""
    return float(to_probabilities(np.mean(to_logits(scores)))) if len(scores) else float("nan")


def maximum(scores: np.ndarray) -> float:
    """Return the highest score."""
    return float(np.max(scores)) if len(scores) else float("nan")


def confident(scores: np.ndarray) -> float:
    """Return the mean of the confident frames, where there are enough of them; else of all.

    The rule of the DFDC winner (S. Seferbekov, 2020): a swap is often visible in some frames only.
    """
    high, low = scores[scores > 0.8], scores[scores < 0.2]
    if len(high) > len(scores) // 2.5 and len(high) > 11:
        return mean(high)
    if len(low) > 0.9 * len(scores):
        return mean(low)
    return mean(scores)


def weighted_by_confidence(scores: np.ndarray) -> float:
    """Return the mean weighted by the distance from 0.5, so that doubtful frames count little.

    The rule of the DFDC's third place (NTechLab, 2020).
    """
    if not len(scores):
        return float("nan")
    return float(np.average(scores, weights=np.abs(scores - 0.5) + 1e-4))


def confident_majority(scores: np.ndarray) -> float:
    """Return the mean of scores above 0.8, or below 0.2, where they are over 70 %; else of all.

    The rule of the DFDC's fourth place (RobustForensics, 2020) over its models: unlike
    `confident`, it works with a few scores.
    """
    for sure in (scores[scores > 0.8], scores[scores < 0.2]):
        if len(sure) > 0.7 * len(scores):
            return mean(sure)
    return mean(scores)


def strongest_person(scores: np.ndarray) -> float:
    """Return the highest if it is above 0.9 or all are above 0.6, the lowest if all are below 0.4.

    Else the mean. The rule of the DFDC's fourth place (RobustForensics, 2020) over the persons of
    a video, of whom often only one is forged.
    """
    if not len(scores):
        return float("nan")
    if scores.max() > 0.9 or scores.min() > 0.6:
        return float(scores.max())
    return float(scores.min()) if scores.max() < 0.4 else mean(scores)


RULES: dict[str, Rule] = {
    "mean": mean,
    "median": median,
    "geometric_mean": geometric_mean,
    "logit_mean": logit_mean,
    "max": maximum,
    "confident": confident,
    "confident_majority": confident_majority,
    "weighted": weighted_by_confidence,
    "strongest_person": strongest_person,
}


def find_rule(name: str, allowed: Collection[str] = RULES) -> Rule:
    """Return the rule of that name; ConfigError names the nearest of `allowed` for any other."""
    if name not in RULES:
        raise ConfigError(
            f"there is no rule {name!r}{nearest(name, allowed)}; allowed: {', '.join(allowed)}"
        )
    return RULES[name]

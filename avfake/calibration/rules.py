"""Fixed rules from many scores to one: of a video's frames, of its persons, of an ensemble.

Each takes float [K] and gives a float; NaN for no scores, never 0.5. Over frames they are the
baselines a stacker must beat.
"""

from collections.abc import Callable

import numpy as np

from avfake.calibration.logits import CLIP, to_logits, to_probabilities
from avfake.config import nearest
from avfake.errors import ConfigError

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


def logit_mean(scores: np.ndarray) -> float:
    """Average on the scale where evidence adds up; certain scores weigh more than in the mean."""
    return float(to_probabilities(np.mean(to_logits(scores)))) if len(scores) else float("nan")


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


def confident_majority(scores: np.ndarray) -> float:
    """Mean of those beyond 0.8, or of those below 0.2, where they are above 70 %; else of all.

    How the DFDC's fourth place (RobustForensics, 2020) joined its models: a few are enough, unlike
    for `confident`.
    """
    for sure in (scores[scores > 0.8], scores[scores < 0.2]):
        if len(sure) > 0.7 * len(scores):
            return mean(sure)
    return mean(scores)


def strongest_person(scores: np.ndarray) -> float:
    """The highest where one is above 0.9 or all above 0.6, the lowest where all are below 0.4.

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


def find_rule(name: str) -> Rule:
    """The rule of that name; ConfigError, with the nearest names, for any other."""
    if name not in RULES:
        raise ConfigError(
            f"there is no rule {name!r}{nearest(name, RULES)}; allowed: {', '.join(RULES)}"
        )
    return RULES[name]


def over_persons(scores: np.ndarray, persons: np.ndarray, rule: Rule = strongest_person) -> float:
    """`rule` over the mean scores of the persons; scores [K] of crops, persons [K] their ids."""
    return rule(np.array([scores[persons == one].mean() for one in np.unique(persons)]))

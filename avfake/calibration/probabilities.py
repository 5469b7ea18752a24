"""Probabilities and logits, their losses, the change of the prior, and rules that combine scores.

A rule combines the scores of the frames of a video, of its persons, or of an ensemble: it takes
float [K] and returns a float, NaN for no scores. Over frames they are the baselines that a stacker
must beat.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from avfake.errors import ConfigError, nearest

CLIP = 1e-6
"""Distance from 0 and 1 within which probabilities are clipped, so that logits stay finite."""


def to_logits(probabilities: np.ndarray | float) -> np.ndarray:
    """Return float64 of the same shape; NaN stays NaN."""
    clipped = np.clip(np.asarray(probabilities, np.float64), CLIP, 1 - CLIP)
    return np.log(clipped) - np.log1p(-clipped)


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """Return float64 of the same shape; NaN stays NaN."""
    # tanh does not overflow, unlike exp(-x).
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))


def row_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return float64 [N], the log-loss of each row."""
    clipped = np.clip(probabilities, CLIP, 1 - CLIP)
    return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))


@dataclass(frozen=True)
class TrainedPrior:
    """Share of fakes among the rows that the calibrators of an output were fitted on.

    Where files of each class look as they did in training, another share of fakes moves the logit
    of an answer by one constant (Bayes' rule; Elkan 2001; Saerens et al. 2002). The order of files
    stays, and with it whatever was fitted within a class: false alarm rates, the conformal set.
    """

    fakes: float
    """Share of rows in which this output is fake; above 0 and below 1."""
    of_fakes: float | None
    """Share of the fake files in which this output is fake: 1 for "overall"; None where no row
    has both labels, so that nothing follows for a part from the prior of a file."""

    @classmethod
    def measure(cls, labels: np.ndarray, overall: np.ndarray | None) -> "TrainedPrior":
        """Measure it on labels of the output and of the whole file, both [N] 1, 0 or NaN."""
        is_fake = np.zeros(len(labels), bool) if overall is None else overall == 1
        of_fakes = labels[is_fake & ~np.isnan(labels)]
        share = float(np.mean(of_fakes)) if len(of_fakes) else 0.0
        return cls(float(np.mean(labels[~np.isnan(labels)])), share or None)

    def shift(self, prior: float) -> float:
        """Return the change of a logit where the share `prior` of files is fake."""
        if self.of_fakes is None:
            raise ValueError("the share of fakes in which this output is fake is unknown")
        return _logit(prior * self.of_fakes) - _logit(self.fakes)


def check_prior(prior: float) -> None:
    """Raise ConfigError unless a prior lies between 0 and 1."""
    if not 0 < prior < 1:  # NaN does not
        raise ConfigError(
            f"prior is {prior}; it is the share of files taken to be forged before one is "
            "examined, above 0 and below 1, such as 0.01 for one in a hundred"
        )


def shift_probability(p: float, by: float) -> float:
    """Return the probability whose logit is that of `p` plus `by`; 0 and 1 stay."""
    # In odds, since a logit of 0 or 1 is infinite, and a difference of none changes no bit of p.
    odds = float(np.exp(np.clip(by, -700, 700)))
    return p * odds / (p * odds + (1 - p))


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


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

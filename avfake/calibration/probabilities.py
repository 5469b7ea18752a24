"""Probabilities and logits, their losses, the change of the prior, and rules that combine scores.

A rule combines the scores of the frames of a video, of its persons, or of an ensemble. Over frames
they are the baselines that a stacker must beat.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
        of_output = prior * self.of_fakes
        return float(np.log(of_output / (1 - of_output)) - np.log(self.fakes / (1 - self.fakes)))


Rule = Callable[[np.ndarray], float]


def geometric_mean(scores: np.ndarray) -> float:
    """Return the geometric mean; a few low scores lower it much."""
    return float(np.exp(np.mean(np.log(np.maximum(scores, CLIP)))))


def logit_mean(scores: np.ndarray) -> float:
    """Return the probability of the mean logit; scores near 0 and 1 weigh more than in the mean."""
    return float(to_probabilities(np.mean(to_logits(scores))))


def confident(scores: np.ndarray) -> float:
    """Return the mean of the confident frames, where there are enough of them; else of all.

    The rule of the DFDC winner (S. Seferbekov, 2020): a swap is often visible in some frames only.
    """
    high, low = scores[scores > 0.8], scores[scores < 0.2]
    if len(high) > len(scores) // 2.5 and len(high) > 11:
        return float(high.mean())
    if len(low) > 0.9 * len(scores):
        return float(low.mean())
    return float(scores.mean())


def weighted_by_confidence(scores: np.ndarray) -> float:
    """Return the mean weighted by the distance from 0.5, so that doubtful frames count little.

    The rule of the DFDC's third place (NTechLab, 2020).
    """
    return float(np.average(scores, weights=np.abs(scores - 0.5) + 1e-4))


def confident_majority(scores: np.ndarray) -> float:
    """Return the mean of scores above 0.8, or below 0.2, where they are over 70 %; else of all.

    The rule of the DFDC's fourth place (RobustForensics, 2020) over its models: unlike
    `confident`, it works with a few scores.
    """
    for sure in (scores[scores > 0.8], scores[scores < 0.2]):
        if len(sure) > 0.7 * len(scores):
            return float(sure.mean())
    return float(scores.mean())


def strongest_person(scores: np.ndarray) -> float:
    """Return the highest if it is above 0.9 or all are above 0.6, the lowest if all are below 0.4.

    Else the mean. The rule of the DFDC's fourth place (RobustForensics, 2020) over the persons of
    a video, of whom often only one is forged.
    """
    if scores.max() > 0.9 or scores.min() > 0.6:
        return float(scores.max())
    return float(scores.min()) if scores.max() < 0.4 else float(scores.mean())


def _of_some(rule: Rule) -> Rule:
    """Let a rule return NaN for no scores."""
    return lambda scores: float(rule(scores)) if len(scores) else float("nan")


RULES: dict[str, Rule] = {
    "mean": _of_some(np.mean),
    "median": _of_some(np.median),
    "geometric_mean": _of_some(geometric_mean),
    "logit_mean": _of_some(logit_mean),
    "max": _of_some(np.max),
    "confident": _of_some(confident),
    "confident_majority": _of_some(confident_majority),
    "weighted": _of_some(weighted_by_confidence),
    "strongest_person": _of_some(strongest_person),
}
"""Name -> rule from scores [K] to one score; NaN for no scores."""

"""Metrics of scores against labels, 1 = fake.

Each takes scores float [N] and labels [N] of 1 and 0, and returns a float: NaN where only one class
is there, because a number without genuine clips (or without fakes) has no meaning.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np

Metric = Callable[[np.ndarray, np.ndarray], float]
CLIP = 1e-6
"""The log-loss keeps probabilities this far from 0 and 1, so that one miss is not infinite."""


def of_both_classes(metric: Callable[..., float]) -> Callable[..., float]:
    """Let a metric return NaN where only one class is there."""

    @wraps(metric)
    def checked(scores: np.ndarray, labels: np.ndarray, **options: Any) -> float:
        has_both = np.any(labels == 1) and np.any(labels == 0)
        return metric(scores, labels, **options) if has_both else float("nan")

    return checked


@of_both_classes
def log_loss(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood (cross-entropy); ln 2 for a detector that answers 0.5."""
    clipped = np.clip(scores, CLIP, 1 - CLIP).astype(np.float64)
    return float(-np.mean(np.where(labels == 1, np.log(clipped), np.log1p(-clipped))))


@of_both_classes
def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve: chance that a fake scores above a genuine clip, ties counted half.

    From ranks (Hanley & McNeil 1982), because the bootstrap computes it thousands of times.
    """
    _, index, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[index]
    is_fake = labels == 1
    num_fake = np.sum(is_fake)
    above = np.sum(ranks[is_fake]) - num_fake * (num_fake + 1) / 2
    return float(above / (num_fake * (len(labels) - num_fake)))


@of_both_classes
def average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean precision over the recalls, without interpolation."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores))


@of_both_classes
def equal_error_rate(scores: np.ndarray, labels: np.ndarray) -> float:
    """Equal error rate (EER): share of errors where false alarms and misses are as frequent."""
    false_alarms, hits = roc_points(scores, labels)
    gap = false_alarms - (1 - hits)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(false_alarms[after - 1] + share * (false_alarms[after] - false_alarms[after - 1]))


@of_both_classes
def min_detection_cost(
    scores: np.ndarray, labels: np.ndarray, *, fake_share: float = 0.05, cost_of_miss: float = 10.0
) -> float:
    """Least cost over all thresholds (min DCF), 1 = that of giving every file the cheaper answer.

    That of ASVspoof 5 (Wang et al. 2024) with its constants: fakes are rare, but a missed
    one costs ten times as much as a rejected genuine voice. It needs no speaker verifier,
    unlike the t-DCF of the challenges before.
    """
    false_alarms, hits = roc_points(scores, labels)
    alarm, miss = 1 - fake_share, cost_of_miss * fake_share
    return float(np.min(alarm * false_alarms + miss * (1 - hits)) / min(alarm, miss))


@of_both_classes
def balanced_accuracy(scores: np.ndarray, labels: np.ndarray, *, threshold: float = 0.5) -> float:
    """Mean of the shares of fakes above and of genuine clips at or below the threshold."""
    is_called = scores > threshold
    return float((np.mean(is_called[labels == 1]) + np.mean(~is_called[labels == 0])) / 2)


@of_both_classes
def brier(scores: np.ndarray, labels: np.ndarray) -> float:
    """Brier score: mean squared difference of probability and label (Brier 1950)."""
    return float(np.mean((scores - labels) ** 2))


@of_both_classes
def calibration_error(scores: np.ndarray, labels: np.ndarray, *, num_bins: int = 15) -> float:
    """Expected calibration error (ECE; Guo et al. 2017), in bins of equal mass.

    Equal mass because a good detector leaves the middle of [0, 1] almost empty.
    """
    order = np.argsort(scores, kind="stable")
    bins = np.array_split(order, min(num_bins, len(order)))
    gaps = [len(one) * abs(np.mean(scores[one]) - np.mean(labels[one])) for one in bins]
    return float(np.sum(gaps) / len(order))


@of_both_classes
def hit_rate(scores: np.ndarray, labels: np.ndarray, *, false_alarm_rate: float) -> float:
    """True positive rate (TPR) at the best threshold that keeps the false positive rate."""
    false_alarms, hits = roc_points(scores, labels)
    # The rate of k of n clips must not fail by a rounding in its last bit.
    return float(np.max(hits[false_alarms <= false_alarm_rate + 1e-12]))


@of_both_classes
def weighted_precision(
    scores: np.ndarray, labels: np.ndarray, *, recall: float = 0.5, weight: float = 100.0
) -> float:
    """log(TP / (TP + weight * FP)) at a recall: the DFDC's second metric (Dolhansky et al. 2020).

    0 at best. The weight stands for genuine videos outnumbering fakes in the world.
    """
    false_alarms, hits = roc_points(scores, labels)
    at = int(np.argmax(hits >= recall - 1e-12))
    found = hits[at] * np.sum(labels == 1)
    wrong = false_alarms[at] * np.sum(labels == 0)
    return float(np.log(found / (found + weight * wrong)))


@of_both_classes
def partial_auc(scores: np.ndarray, labels: np.ndarray, *, up_to: float = 0.1) -> float:
    """Area under the ROC curve up to a false positive rate, from 0.5 to 1 (McClish 1989)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores, max_fpr=up_to))


@of_both_classes
def likelihood_ratio_cost(
    scores: np.ndarray, labels: np.ndarray, *, prior: float | None = None
) -> float:
    """Log-likelihood-ratio cost (Cllr; Brummer & du Preez 2006) in bits: 0 at best, 1 = guessing.

    Both classes weigh the same whatever their share. prior: share of fakes that the probabilities
    assume; by default that among the labels.
    """
    clipped = np.clip(scores, CLIP, 1 - CLIP).astype(np.float64)
    share = float(np.mean(labels == 1)) if prior is None else prior
    ratios = np.log(clipped) - np.log1p(-clipped) - np.log(share / (1 - share))
    fakes, reals = np.logaddexp(0, -ratios[labels == 1]), np.logaddexp(0, ratios[labels == 0])
    return float((fakes.mean() + reals.mean()) / (2 * np.log(2)))


METRICS: dict[str, Metric] = {
    "auc": auc,
    "log_loss": log_loss,
    "average_precision": average_precision,
    "eer": equal_error_rate,
    "min_detection_cost": min_detection_cost,
    "balanced_accuracy": balanced_accuracy,
    "brier": brier,
    "calibration_error": calibration_error,
    "hit_rate_at_1_percent": partial(hit_rate, false_alarm_rate=0.01),
    "hit_rate_at_1_per_mille": partial(hit_rate, false_alarm_rate=0.001),
    "partial_auc": partial_auc,
    "likelihood_ratio_cost": likelihood_ratio_cost,
    "weighted_precision": weighted_precision,
}


def roc_points(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates, each [K + 1], from the strictest threshold down."""
    order = np.argsort(-scores, kind="stable")
    is_fake, ordered = (labels == 1)[order], scores[order]
    # Clips of one score pass the threshold together.
    ends = np.r_[np.flatnonzero(np.diff(ordered)), len(ordered) - 1]
    hits, alarms = np.cumsum(is_fake)[ends], np.cumsum(~is_fake)[ends]
    return np.r_[0.0, alarms / alarms[-1]], np.r_[0.0, hits / hits[-1]]

"""Decision rule: from a probability to real, fake or unsure, by a conformal set and a threshold.

Clips of one group (one source, one speaker) resemble each other, and a new file is of a new group:
bounds count groups, each with the same weight however many clips it has (conformal prediction for
two-layer hierarchical data, Lee, Barber & Willett 2023; Dunn, Wasserman & Ramdas 2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avfake.calibration.stacker import StackConfig
from avfake.labels import Decision, OperatingPoint


@dataclass(frozen=True)
class ConformalBand:
    """Class-conditional split conformal prediction (Vovk 2012): the set of labels that fit p.

    Of genuine clips, at least the share `confidence` has "real" in its set; of fakes, "fake".
    """

    real_below: float | None
    """"real" is in the set up to here; None = always, for want of examples."""
    fake_above: float | None
    """"fake" is in the set from here; None = always."""
    confidence: float

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        groups: Sequence[str] | None = None,
        *,
        confidence: float,
    ) -> "ConformalBand":
        """Fit the band to out-of-fold probabilities [N] with labels [N] 1 or 0.

        groups: [N]; None = each clip is one
        """
        p, names = probabilities, _names(groups, len(probabilities))
        real, fake = labels == 0, labels == 1
        highest = upper_bound(p[real], names[real], confidence, otherwise=np.inf)
        lowest = -upper_bound(-p[fake], names[fake], confidence, otherwise=np.inf)
        return cls(
            highest if np.isfinite(highest) else None,
            lowest if np.isfinite(lowest) else None,
            confidence,
        )

    def contains(self, p_fake: float) -> tuple[bool, bool]:
        """Return whether "real" is in the set, and whether "fake" is."""
        return (
            self.real_below is None or bool(p_fake <= self.real_below),
            self.fake_above is None or bool(p_fake >= self.fake_above),
        )


@dataclass(frozen=True)
class DecisionRule:
    """What turns p_fake into a decision."""

    threshold: float
    """Below this nothing is called fake."""
    false_alarm_rate: float
    band: ConformalBand
    real_threshold: float = 1.0
    """Above this nothing is called real."""
    missed_rate: float | None = None
    """Share of fakes that may be called real; None = the band alone decides."""

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        groups: Sequence[str] | None = None,
        config: StackConfig | None = None,
    ) -> "DecisionRule":
        """Fit the rule to out-of-fold probabilities [N]; rows with a NaN in either are left out.

        Args:
            groups: [N]; None = each clip is one
            config: gives the rates and the confidence
        """
        config = config or StackConfig()
        known = ~np.isnan(probabilities) & ~np.isnan(labels)
        p, y = probabilities[known], labels[known]
        names = _names(groups, len(known))[known]
        threshold = find_threshold(p, y, names, false_alarm_rate=config.false_alarm_rate)
        band = ConformalBand.fit(p, y, names, confidence=config.confidence)
        if (rate := config.missed_rate) is None:
            return cls(threshold, config.false_alarm_rate, band)
        fakes = y == 1
        lowest = -upper_bound(-p[fakes], names[fakes], 1 - rate, otherwise=0.0)
        return cls(threshold, config.false_alarm_rate, band, lowest, rate)

    def decide(self, p_fake: float | None) -> Decision:
        """Return fake where the set is {fake} and p above the threshold, real where the set is
        {real} and p below the threshold for it, else unsure."""
        if p_fake is None or np.isnan(p_fake):
            return "unsure"
        real_in, fake_in = self.band.contains(p_fake)
        if fake_in and not real_in and p_fake > self.threshold:
            return "fake"
        is_below = self.missed_rate is None or p_fake < self.real_threshold
        return "real" if real_in and not fake_in and is_below else "unsure"

    @property
    def operating_point(self) -> OperatingPoint:
        """What a verdict shows of the rule."""
        return OperatingPoint(self.threshold, self.false_alarm_rate, self.band.confidence)


def find_threshold(
    probabilities: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str] | None = None,
    *,
    false_alarm_rate: float = 0.05,
) -> float:
    """Return the threshold that a genuine clip of a new group exceeds at this rate, at most.

    The bound counts the new group too, so with fewer than 1 / rate - 1 groups of genuine clips no
    threshold can guarantee the rate, and the result is 1: nothing is called fake.

    groups: [N]; None = each clip is one
    """
    real = labels == 0
    names = _names(groups, len(labels))[real]
    return upper_bound(probabilities[real], names, 1 - false_alarm_rate, otherwise=1.0)


def upper_bound(values: np.ndarray, groups: np.ndarray, level: float, *, otherwise: float) -> float:
    """Return the value that a clip of one more group does not exceed, with probability `level`."""
    if not len(values):
        return otherwise
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(1 / counts[index[order]])
    # Rounded, so that 0.9 * 10 is 9 and not one float step above it.
    enough = np.round(reached, 9) >= np.round(level * (len(counts) + 1), 9)
    return float(values[order[np.argmax(enough)]]) if enough.any() else otherwise


def _names(groups: Sequence[str] | None, count: int) -> np.ndarray:
    """Return the groups as an array [N]; without groups a name for each clip."""
    return np.arange(count) if groups is None else np.asarray(groups)

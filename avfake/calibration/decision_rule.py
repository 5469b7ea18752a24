"""Decision rule: from a probability to real, fake or unsure, by a conformal set and a threshold."""

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
        cls, probabilities: np.ndarray, labels: np.ndarray, *, confidence: float
    ) -> "ConformalBand":
        """Fit the band to out-of-fold probabilities [N] with labels [N] 1 or 0."""
        highest = upper_rank(probabilities[labels == 0], confidence, otherwise=np.inf)
        lowest = -upper_rank(-probabilities[labels == 1], confidence, otherwise=np.inf)
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
    false_alarm_rate: float
    band: ConformalBand

    @classmethod
    def fit(
        cls, probabilities: np.ndarray, labels: np.ndarray, config: StackConfig | None = None
    ) -> "DecisionRule":
        """Fit the rule to out-of-fold probabilities [N]; rows with a NaN in either are left out.

        config: gives the false-alarm rate and the confidence
        """
        config = config or StackConfig()
        known = ~np.isnan(probabilities) & ~np.isnan(labels)
        p, y = probabilities[known], labels[known]
        threshold = find_threshold(p, y, false_alarm_rate=config.false_alarm_rate)
        band = ConformalBand.fit(p, y, confidence=config.confidence)
        return cls(threshold, config.false_alarm_rate, band)

    def decide(self, p_fake: float | None) -> Decision:
        """Return fake where the set is {fake} and p above the threshold, real where the set is
        {real}, else unsure."""
        if p_fake is None or np.isnan(p_fake):
            return "unsure"
        real_in, fake_in = self.band.contains(p_fake)
        if fake_in and not real_in and p_fake > self.threshold:
            return "fake"
        return "real" if real_in and not fake_in else "unsure"

    @property
    def operating_point(self) -> OperatingPoint:
        """What a verdict shows of the rule."""
        return OperatingPoint(self.threshold, self.false_alarm_rate, self.band.confidence)


def find_threshold(
    probabilities: np.ndarray, labels: np.ndarray, *, false_alarm_rate: float = 0.05
) -> float:
    """Return the threshold that a new genuine clip exceeds with at most this probability.

    The rank counts the new clip too (Vovk et al. 2005), so with fewer than 1 / rate - 1 genuine
    clips no threshold can guarantee the rate, and the result is 1: nothing is called fake.
    """
    return upper_rank(probabilities[labels == 0], 1 - false_alarm_rate, otherwise=1.0)


def upper_rank(values: np.ndarray, level: float, *, otherwise: float) -> float:
    """Return the value that one more draw does not exceed, with probability `level`."""
    # The product is rounded so that 0.9 * 10 is 9 and not one float step above it.
    rank = int(np.ceil(np.round(level * (len(values) + 1), 9)))
    return float(np.sort(values)[rank - 1]) if 1 <= rank <= len(values) else otherwise

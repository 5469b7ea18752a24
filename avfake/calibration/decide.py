"""Probability -> real, fake or unsure: a conformal set and a threshold."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from avfake.calibration.calibrate import operating_point, upper_rank
from avfake.errors import ConfigError


@dataclass(frozen=True)
class ConformalBand:
    """Class-conditional split conformal prediction (Vovk 2012): which labels a p is usual for.

    Of genuine clips, at least the share `confidence` has "real" in its set; of fakes, "fake".
    """

    real_below: float | None
    """"real" is in the set up to here; None = always, for want of examples."""
    fake_above: float | None
    """"fake" is in the set from here; None = always."""
    confidence: float

    @classmethod
    def fit(
        cls, probabilities: np.ndarray, labels: np.ndarray, *, confidence: float = 0.9
    ) -> "ConformalBand":
        """The band for out-of-fold probabilities [N] with labels [N] 1 or 0."""
        if not 0 < confidence < 1:
            raise ConfigError(f"confidence must lie between 0 and 1, got {confidence}")
        highest = upper_rank(probabilities[labels == 0], confidence, otherwise=np.inf)
        lowest = -upper_rank(-probabilities[labels == 1], confidence, otherwise=np.inf)
        return cls(
            highest if np.isfinite(highest) else None,
            lowest if np.isfinite(lowest) else None,
            confidence,
        )

    def contains(self, p_fake: float) -> tuple[bool, bool]:
        """Whether "real", and whether "fake", is in the set."""
        return (
            self.real_below is None or bool(p_fake <= self.real_below),
            self.fake_above is None or bool(p_fake >= self.fake_above),
        )


def decide(
    p_fake: float | None, threshold: float, band: ConformalBand
) -> Literal["real", "fake", "unsure"]:
    """fake: the set is {fake} and p above the threshold; real: the set is {real}; else unsure."""
    if p_fake is None or np.isnan(p_fake):
        return "unsure"
    real_in, fake_in = band.contains(p_fake)
    if fake_in and not real_in and p_fake > threshold:
        return "fake"
    if real_in and not fake_in:
        return "real"
    return "unsure"


@dataclass(frozen=True)
class DecisionRule:
    """Everything needed to turn p_fake into a decision."""

    threshold: float
    false_alarm_rate: float
    band: ConformalBand

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        *,
        false_alarm_rate: float = 0.05,
        confidence: float = 0.9,
    ) -> "DecisionRule":
        """The rule for out-of-fold probabilities [N]; rows with a NaN in either are left out."""
        known = ~np.isnan(probabilities) & ~np.isnan(labels)
        p, y = probabilities[known], labels[known]
        threshold = operating_point(p, y, false_alarm_rate=false_alarm_rate)
        return cls(threshold, false_alarm_rate, ConformalBand.fit(p, y, confidence=confidence))

    def decide(self, p_fake: float | None) -> Literal["real", "fake", "unsure"]:
        """See `decide`."""
        return decide(p_fake, self.threshold, self.band)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` gives it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "DecisionRule":
        """The rule that `to_dict` wrote."""
        return cls(**fields | {"band": ConformalBand(**fields["band"])})

"""An output's logit, before calibration, as a sum over the features it was made of."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LogitParts:
    """base + sum of parts = the logit that goes into the calibrator."""

    by: str
    """"stacker", or the baseline that was kept in its place."""
    base: float
    """The mean over the training rows for a stacker; 0 for a baseline."""
    parts: Mapping[str, float]
    """Column -> what it adds: of a stacker its SHAP value (Lundberg 2018), of a baseline the whole
    logit for the score that counted and 0 for the other that it read."""

    @property
    def logit(self) -> float:
        return self.base + sum(self.parts.values())

    def strongest(self, num: int) -> dict[str, float]:
        """The `num` parts that are largest either way, largest first."""
        ordered = sorted(self.parts, key=lambda name: -abs(self.parts[name]))
        return {name: self.parts[name] for name in ordered[:num]}

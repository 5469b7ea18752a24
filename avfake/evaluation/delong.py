"""Two AUCs on the same clips, compared in closed form (DeLong et al. 1988)."""

from dataclasses import dataclass

import numpy as np

from avfake.evaluation.bootstrap import Interval


@dataclass(frozen=True)
class AucComparison:
    """AUC of the first minus that of the second."""

    difference: Interval
    """At 95 %."""
    p_value: float
    """Two-sided, of no difference; NaN where one class has fewer than two clips."""


def delong(scores: tuple[np.ndarray, np.ndarray], labels: np.ndarray) -> AucComparison:
    """The comparison for two times scores [N] and labels [N] of 1 and 0.

    It takes clips for independent; where a fake and its original are both there, believe
    `paired_difference`, which draws whole groups.
    """
    from scipy.stats import norm

    is_fake = labels == 1
    num_fake, num_real = int(is_fake.sum()), int((~is_fake).sum())
    nothing = float("nan")
    if min(num_fake, num_real) < 2:
        return AucComparison(Interval(nothing, nothing, nothing), nothing)
    fakes, reals = zip(*(_placements(one, is_fake) for one in scores), strict=True)
    by_fake, by_real = fakes[0] - fakes[1], reals[0] - reals[1]
    value = float(by_fake.mean())
    error = float(np.sqrt(by_fake.var(ddof=1) / num_fake + by_real.var(ddof=1) / num_real))
    reach = float(norm.ppf(0.975)) * error
    p_value = float(2 * norm.sf(abs(value) / error)) if error > 0 else float(value == 0)
    return AucComparison(Interval(value, value - reach, value + reach), p_value)


def _placements(scores: np.ndarray, is_fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each fake, the share of genuine clips below; of each genuine clip, of fakes above.

    From ranks (Sun & Xu 2014), ties counted half.
    """
    from scipy.stats import rankdata

    fakes, reals, ranks = scores[is_fake], scores[~is_fake], rankdata(scores)
    below = (ranks[is_fake] - rankdata(fakes)) / len(reals)
    above = 1 - (ranks[~is_fake] - rankdata(reals)) / len(fakes)
    return below, above

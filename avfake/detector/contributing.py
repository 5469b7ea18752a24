"""The sums behind the answers, cut down to what weighed most, as a verdict shows them."""

from collections.abc import Mapping
from math import isnan

from avfake.calibration import FEATURES, ClipScores, LogitParts, stack_row
from avfake.labels import OUTPUTS
from avfake.verdict import Contribution

NUM_CONTRIBUTIONS = 5
"""Of each answer."""


def strongest_contributions(
    scores: ClipScores, sums: Mapping[str, LogitParts]
) -> tuple[Contribution, ...]:
    """Of each answer's sum the largest, largest first; not those that no tree of a stacker asked.

    The scores that a baseline read are all there, also the one that did not count.
    """
    values = dict(zip(FEATURES, stack_row(scores).tolist(), strict=True))
    return tuple(
        Contribution(output, name, _known(values[name]), logit, sums[output].by)
        for output in OUTPUTS
        if output in sums
        for name, logit in sums[output].strongest(NUM_CONTRIBUTIONS).items()
        if logit or sums[output].by != "stacker"
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else value  # JSON knows no NaN

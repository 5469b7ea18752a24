"""Scores of N files by M members in, one column out; a member without a score silences itself."""

from collections.abc import Mapping

import numpy as np

from avfake.calibration import RULES, find_rule, raise_overall
from avfake.config import nearest
from avfake.errors import ConfigError
from avfake.labels import OUTPUTS

RANK_MEAN = "rank_mean"
"""Mean over the members of a file's rank among the files. It needs a batch, and what it gives is
good for ordering files, and is no probability."""


def combine_columns(scores: np.ndarray, rule: str) -> np.ndarray:
    """float64 [N] for scores [N, M]; NaN = no score, and NaN comes out where all are.

    rule: one of `stack.RULES`, or "rank_mean". The order of the members does not matter.
    """
    scores = np.asarray(scores, np.float64)
    if rule == RANK_MEAN:
        scores, combine = _ranks(scores), RULES["mean"]
    elif rule in RULES:
        combine = find_rule(rule)
    else:
        known = (*RULES, RANK_MEAN)
        raise ConfigError(
            f"there is no rule {rule!r}{nearest(rule, known)}; allowed: {', '.join(known)}"
        )
    # Sorted, so that not even the last bit depends on the order of the members.
    return np.array([combine(np.sort(row[~np.isnan(row)])) for row in scores], np.float64)


def combine_outputs(answers: Mapping[str, np.ndarray], rule: str) -> dict[str, np.ndarray]:
    """Output -> float64 [N] for output -> [N, M]; "overall" is never below its parts.

    Ranks are left as they are: that of a face and that of an overall score do not compare.
    """
    combined: dict[str, np.ndarray] = {
        output: combine_columns(answers[output], rule) for output in OUTPUTS
    }
    return combined if rule == RANK_MEAN else raise_overall(combined)


def _ranks(scores: np.ndarray) -> np.ndarray:
    """float64 [N, M]: (rank - 0.5) / number of files that the member scored; ties share a rank."""
    from scipy.stats import rankdata

    num_scored = np.sum(~np.isnan(scores), axis=0)
    ranks = rankdata(scores, axis=0, nan_policy="omit") if len(scores) else scores
    return np.where(np.isnan(scores), np.nan, (ranks - 0.5) / np.maximum(num_scored, 1))

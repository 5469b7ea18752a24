import numpy as np
import pytest
from sklearn import metrics as oracle

from avfake.evaluation.metrics import likelihood_ratio_cost, partial_auc


def draw(seed: int, num: int = 200, *, ties: bool = False):
    rng = np.random.default_rng(seed)
    labels = (rng.random(num) < 0.6).astype(float)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0.001, 0.999)
    return (scores.round(1) if ties else scores), labels


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_partial_auc_agrees_with_scikit_learn(seed, ties) -> None:
    p, y = draw(seed, ties=ties)
    assert partial_auc(p, y) == pytest.approx(oracle.roc_auc_score(y, p, max_fpr=0.1))


def test_the_cost_is_1_for_the_prior_and_as_computed_by_hand() -> None:
    labels = np.array([1.0, 1, 1, 0])
    assert likelihood_ratio_cost(np.full(4, 0.75), labels) == pytest.approx(1)
    # Ratios of 3 for fakes and 1/3 for the genuine clip: log2(1 + 1/3) either way.
    p = np.array([0.9, 0.9, 0.9, 0.5])
    assert likelihood_ratio_cost(p, labels) == pytest.approx(np.log2(4 / 3))
    even = np.array([0.75, 0.75, 0.75, 0.25])
    assert likelihood_ratio_cost(even, labels, prior=0.5) == pytest.approx(np.log2(4 / 3))

import numpy as np
import pytest
from sklearn import metrics as oracle

from avfake.evaluation.delong import delong
from avfake.evaluation.metrics import auc, likelihood_ratio_cost, partial_auc


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


def test_delong_is_the_difference_with_the_error_of_all_pairs() -> None:
    p, y = draw(0, 60, ties=True)
    q = draw(1, 60)[0] + 0.1 * y
    found = delong((p, q), y)
    assert found.difference.value == pytest.approx(auc(p, y) - auc(q, y))
    pairs = [
        (s[y == 1][:, None] > s[y == 0]) + 0.5 * (s[y == 1][:, None] == s[y == 0]) for s in (p, q)
    ]
    gap = pairs[0] - pairs[1]
    variance = sum(np.var(gap.mean(a), ddof=1) / gap.shape[1 - a] for a in (0, 1))
    half = (found.difference.high - found.difference.low) / 2
    assert half == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)


def test_delong_is_fooled_as_seldom_as_it_says() -> None:
    rng = np.random.default_rng(0)
    y = np.r_[np.ones(60), np.zeros(60)]
    p_values = [
        delong((y + rng.normal(size=120), y + rng.normal(size=120)), y).p_value for _ in range(800)
    ]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.025)
    assert delong((y, y), y).p_value == 1
    assert np.isnan(delong((y, y), np.ones(120)).p_value)

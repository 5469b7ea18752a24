import json

import numpy as np
import pytest

from avfake import config as settings
from avfake.calibration.calibrators import Calibrator, cross_fit
from avfake.calibration.curves import fit_platt
from avfake.calibration.decision_rule import ConformalBand, DecisionRule, find_threshold
from avfake.calibration.probabilities import to_logits, to_probabilities


def simulate(num: int, *, slope: float, offset: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, num)
    labels = (rng.random(num) < to_probabilities(slope * logits + offset)).astype(float)
    return logits, labels


def test_logits_and_probabilities_are_each_others_inverse() -> None:
    p = np.array([1e-5, 0.3, 0.5, 1 - 1e-5, np.nan])
    np.testing.assert_allclose(to_probabilities(to_logits(p)), p, rtol=1e-9)
    assert np.isfinite(to_logits(np.array([0.0, 1.0]))).all()
    np.testing.assert_array_equal(to_probabilities(np.array([-1e4, 1e4])), [0, 1])


@pytest.mark.parametrize(("slope", "offset"), [(0.4, 0.5), (1.0, 0.0), (2.0, -1.5)])
def test_the_calibrator_finds_the_slope_and_offset_that_made_the_labels(slope, offset) -> None:
    calibrator = fit_platt(*simulate(20_000, slope=slope, offset=offset))
    assert calibrator.slope == pytest.approx(slope, rel=0.06)
    assert calibrator.offset == pytest.approx(offset, abs=0.08)


def test_the_calibrator_agrees_with_unpenalised_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    logits, labels = simulate(50_000, slope=0.7, offset=0.3)
    oracle = LogisticRegression(C=np.inf).fit(logits[:, None], labels)
    calibrator = fit_platt(logits, labels)
    assert calibrator.slope == pytest.approx(oracle.coef_[0, 0], rel=1e-3)
    assert calibrator.offset == pytest.approx(oracle.intercept_[0], abs=1e-3)


def test_the_calibrator_stays_finite_on_separable_and_on_inverted_scores() -> None:
    logits, labels = np.array([-3.0, -2, 2, 3]), np.array([0.0, 0, 1, 1])
    p = fit_platt(logits, labels)(logits)
    # Platt's targets for two of a kind are 3/4 and 1/4.
    assert 0.6 < p[2] < p[3] < 0.95
    inverted = fit_platt(-logits, labels)
    assert inverted.slope == pytest.approx(0, abs=1e-9)
    assert inverted(np.array([7.0])) == pytest.approx(0.5, abs=1e-3)
    assert fit_platt(np.full(4, 13.0), labels)(np.full(1, 13.0)) == pytest.approx(0.5)
    assert fit_platt(1e6 * logits, labels)(1e6 * logits) == pytest.approx(p)
    assert fit_platt(np.zeros(4), labels)(np.zeros(1)) == pytest.approx(0.5)


def test_the_calibrator_survives_json() -> None:
    calibrator = Calibrator(fit_platt(*simulate(50, slope=1, offset=0)))
    again = Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict())))
    assert again == calibrator
    assert np.isnan(again(np.array([np.nan]))).all()


def test_cross_fitting_keeps_a_row_out_of_its_own_calibrator() -> None:
    logits, labels = simulate(200, slope=1, offset=0)
    folds = np.arange(200) % 4
    before = cross_fit(fit_platt, logits, labels, folds)
    flipped = np.where(folds == 1, 1 - labels, labels)
    after = cross_fit(fit_platt, logits, flipped, folds)
    np.testing.assert_array_equal(before[folds == 1], after[folds == 1])
    assert not np.allclose(before[folds == 0], after[folds == 0])


def test_the_threshold_keeps_the_false_alarm_rate_on_new_clips() -> None:
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(300):
        threshold = find_threshold(rng.random(60), np.zeros(60), false_alarm_rate=0.1)
        rates.append(1 - threshold)  # of uniform scores, this share lies above
    assert np.mean(rates) == pytest.approx(6 / 61, abs=0.01)


def test_the_threshold_is_a_rank_among_the_genuine_and_1_where_they_are_too_few() -> None:
    p = np.arange(19) / 20
    assert find_threshold(p, np.zeros(19)) == p[-1]
    assert find_threshold(p[:18], np.zeros(18)) == 1.0
    assert find_threshold(p, np.ones(19)) == 1.0
    labels = np.r_[np.zeros(19), np.ones(5)]
    assert find_threshold(np.r_[p, np.ones(5)], labels) == p[-1]


def test_the_conformal_set_covers_each_class_at_its_level() -> None:
    rng = np.random.default_rng(1)

    def draw(num):
        labels = (rng.random(num) < 0.8).astype(float)
        return to_probabilities(rng.normal(2 * labels - 1, 1)), labels

    real_hits, fake_hits = [], []
    for _ in range(40):
        band = ConformalBand.fit(*draw(300), confidence=0.9)
        p, labels = draw(500)
        sets = np.array([band.contains(one) for one in p])
        real_hits.append(sets[labels == 0, 0].mean())
        fake_hits.append(sets[labels == 1, 1].mean())
    assert np.mean(real_hits) == pytest.approx(0.9, abs=0.03)
    assert np.mean(fake_hits) == pytest.approx(0.9, abs=0.03)


def test_few_examples_of_a_class_keep_it_in_every_set() -> None:
    p, labels = np.r_[np.full(8, 0.1), np.full(9, 0.9)], np.r_[np.zeros(8), np.ones(9)]
    band = ConformalBand.fit(p, labels, confidence=0.9)
    assert band.real_below is None  # eight are fewer than nine
    assert band.fake_above == 0.9
    assert band.contains(0.95) == (True, True)


@pytest.mark.parametrize(
    ("p", "threshold", "expected"),
    [
        (0.95, 0.5, "fake"),
        (0.95, 0.97, "unsure"),  # the set is {fake}, but the false alarm rate is not kept
        (0.05, 0.5, "real"),
        (0.05, 0.01, "real"),
        (0.50, 0.2, "unsure"),  # both in the set
        (None, 0.5, "unsure"),
    ],
)
def test_decisions_follow_the_table(p, threshold, expected) -> None:
    rule = DecisionRule(threshold, 0.05, ConformalBand(0.7, 0.3, 0.9))
    assert rule.decide(p) == expected
    if p is not None:  # a numpy number is decided on like any other
        assert rule.decide(np.float64(p)) == expected


def test_an_empty_set_is_unsure() -> None:
    assert DecisionRule(0.2, 0.05, ConformalBand(0.4, 0.6, 0.6)).decide(0.5) == "unsure"


def test_a_decision_rule_survives_strict_json() -> None:
    p, labels = np.array([0.1, 0.9, np.nan]), np.array([0.0, 1.0, 1.0])
    rule = DecisionRule.fit(p, labels)
    text = json.dumps(settings.to_dict(rule), allow_nan=False)
    assert settings.from_dict(DecisionRule, json.loads(text)) == rule
    assert rule.decide(0.99) == "unsure"

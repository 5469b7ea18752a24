import numpy as np
import pytest

from avfake.calibration.probabilities import (
    RULES,
    confident,
    confident_majority,
    geometric_mean,
    logit_mean,
    strongest_person,
)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_gives_nan_for_no_frames_and_the_score_for_one(rule) -> None:
    assert np.isnan(rule(np.zeros(0)))
    assert rule(np.array([0.7])) == pytest.approx(0.7)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_stays_within_its_frames(rule) -> None:
    scores = np.random.default_rng(0).random(32)
    assert scores.min() <= rule(scores) <= scores.max()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_does_not_ask_for_an_order(rule) -> None:
    scores = np.random.default_rng(1).random(20)
    assert rule(scores[::-1]) == pytest.approx(rule(scores), abs=1e-12)


def test_the_confident_rule_takes_the_high_frames_if_they_are_enough() -> None:
    high = np.r_[np.full(12, 0.9), np.full(18, 0.1)]  # 12 is not above 30 // 2.5
    assert confident(high) == pytest.approx(high.mean())
    high = np.r_[np.full(13, 0.9), np.full(17, 0.1)]
    assert confident(high) == pytest.approx(0.9)
    few = np.full(11, 0.9)  # all high, but not more than 11
    assert confident(np.r_[few, 0.5]) == pytest.approx(np.r_[few, 0.5].mean())


def test_the_confident_rule_takes_the_low_frames_above_nine_tenths() -> None:
    assert confident(np.r_[np.full(19, 0.1), 0.7]) == pytest.approx(0.1)
    nine_tenths = np.r_[np.full(18, 0.1), 0.7, 0.7]
    assert confident(nine_tenths) == pytest.approx(nine_tenths.mean())


def test_simple_rules_follow_their_closed_forms() -> None:
    scores = np.array([0.1, 0.4, 0.9])
    assert RULES["median"](scores) == 0.4
    assert RULES["max"](scores) == 0.9
    assert geometric_mean(scores) == pytest.approx(0.036 ** (1 / 3))
    # Weights .4, .1, .4 (+1e-4): the frame in the middle hardly speaks.
    assert RULES["weighted"](scores) == pytest.approx(
        (0.4001 * 0.1 + 0.1001 * 0.4 + 0.4001 * 0.9) / 0.9003
    )
    assert RULES["weighted"](np.full(3, 0.5)) == 0.5
    assert logit_mean(np.array([0.5, 0.9])) == pytest.approx(0.75)  # odds 1 and 9, so 3
    assert logit_mean(np.array([0.0, 1.0])) == pytest.approx(0.5)


def test_a_confident_majority_outvotes_the_rest() -> None:
    assert confident_majority(np.array([0.9, 0.85, 0.95, 0.1])) == pytest.approx(0.9)
    assert confident_majority(np.array([0.1, 0.05, 0.15, 0.9])) == pytest.approx(0.1)
    seven_tenths = np.r_[np.full(7, 0.9), np.full(3, 0.3)]
    assert confident_majority(seven_tenths) == pytest.approx(seven_tenths.mean())


@pytest.mark.parametrize(
    ("scores", "answer"),
    [
        ([0.95, 0.1, 0.2], 0.95),  # one is forged beyond doubt
        ([0.61, 0.8], 0.8),
        ([0.1, 0.39], 0.1),
        ([0.1, 0.5], 0.3),
        ([0.55, 0.9], 0.725),  # neither above 0.9 nor all above 0.6
    ],
)
def test_one_forged_person_is_enough(scores: list[float], answer: float) -> None:
    assert strongest_person(np.array(scores)) == pytest.approx(answer)

import numpy as np
import pytest

from avfake.stack.rules import RULES, confident, geometric_mean, maximum, median


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_gives_nan_for_no_frames_and_the_score_for_one(rule) -> None:
    assert np.isnan(rule(np.zeros(0)))
    assert rule(np.array([0.7])) == pytest.approx(0.7)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_stays_within_its_frames(rule) -> None:
    scores = np.random.default_rng(0).random(32)
    assert scores.min() <= rule(scores) <= scores.max()


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
    assert median(scores) == 0.4
    assert maximum(scores) == 0.9
    assert geometric_mean(scores) == pytest.approx(0.036 ** (1 / 3))
    # Weights .4, .1, .4 (+1e-4): the frame in the middle hardly speaks.
    assert RULES["weighted"](scores) == pytest.approx(
        (0.4001 * 0.1 + 0.1001 * 0.4 + 0.4001 * 0.9) / 0.9003
    )
    assert RULES["weighted"](np.full(3, 0.5)) == 0.5

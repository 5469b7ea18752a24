import time

import numpy as np
import pytest
from sklearn import metrics as oracle

from avfake.evaluation.bootstrap import Interval, bootstrap
from avfake.evaluation.metrics import (
    METRICS,
    auc,
    average_precision,
    balanced_accuracy,
    brier,
    calibration_error,
    equal_error_rate,
    hit_rate,
    log_loss,
    min_detection_cost,
    weighted_precision,
)


def draw(seed: int, num: int = 200, *, ties: bool = False):
    rng = np.random.default_rng(seed)
    labels = (rng.random(num) < 0.6).astype(float)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0.001, 0.999)
    return (scores.round(1) if ties else scores), labels


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize("labels", [np.zeros(3), np.ones(3), np.zeros(0)])
def test_one_class_has_no_metric(metric, labels) -> None:
    assert np.isnan(metric(np.full(len(labels), 0.5), labels))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_agree_with_scikit_learn(seed, ties) -> None:
    p, y = draw(seed, ties=ties)
    assert auc(p, y) == pytest.approx(oracle.roc_auc_score(y, p))
    assert average_precision(p, y) == pytest.approx(oracle.average_precision_score(y, p))
    assert brier(p, y) == pytest.approx(oracle.brier_score_loss(y, p))
    assert balanced_accuracy(p, y) == pytest.approx(oracle.balanced_accuracy_score(y, p > 0.5))
    assert log_loss(p, y) == pytest.approx(oracle.log_loss(y, np.clip(p, 1e-6, 1 - 1e-6)))
    false_alarms, hits, _ = oracle.roc_curve(y, p, drop_intermediate=False)
    assert hit_rate(p, y, false_alarm_rate=0.1) == hits[false_alarms <= 0.1].max()


@pytest.mark.parametrize("metric", ["auc", "average_precision"])
def test_a_perfect_detector_scores_1(metric) -> None:
    assert METRICS[metric](np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])) == 1


def test_a_detector_that_always_says_half_is_worth_nothing() -> None:
    p, y = np.full(10, 0.5), np.r_[np.ones(4), np.zeros(6)]
    assert auc(p, y) == 0.5
    assert log_loss(p, y) == pytest.approx(np.log(2))
    assert brier(p, y) == 0.25
    assert equal_error_rate(p, y) == pytest.approx(0.5)
    assert calibration_error(p, y, num_bins=1) == pytest.approx(0.1)


def test_a_certain_miss_costs_much_but_not_all() -> None:
    assert log_loss(np.array([0.0, 0.0]), np.array([1, 0])) == pytest.approx(
        -np.log(1e-6) / 2, rel=1e-3
    )


def test_the_equal_error_rate_is_where_both_errors_meet() -> None:
    y = np.r_[np.zeros(4), np.ones(4)]
    assert equal_error_rate(np.array([0.1, 0.2, 0.3, 0.7, 0.4, 0.8, 0.9, 0.95]), y) == 0.25
    assert equal_error_rate(np.r_[np.zeros(4), np.ones(4)], y) == 0
    assert equal_error_rate(np.r_[np.ones(4), np.zeros(4)], y) == 1
    rng = np.random.default_rng(0)  # two normals d' apart: Phi(-d'/2)
    labels = np.repeat([0.0, 1.0], 40_000)
    assert equal_error_rate(rng.normal(2 * labels), labels) == pytest.approx(0.1587, abs=0.005)


def test_the_calibration_error_is_zero_for_honest_and_the_gap_for_shifted_probabilities() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 0.7, 100_000)
    y = (rng.random(100_000) < p).astype(float)
    assert calibration_error(p, y) < 0.01
    assert calibration_error(p + 0.2, y) == pytest.approx(0.2, abs=0.01)


def test_weighted_precision_makes_a_false_alarm_cost_a_hundred_hits() -> None:
    y = np.array([1, 1, 0, 1, 1])
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert weighted_precision(p, y, recall=0.5) == 0
    assert weighted_precision(p, y, recall=0.75) == pytest.approx(np.log(3 / 103))


def test_an_interval_covers_the_truth_at_its_level() -> None:
    truth = 0.7602  # Phi(1 / sqrt 2): two normals one deviation apart
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        labels = np.repeat([0.0, 1.0], 40)
        groups = [str(i) for i in range(80)]
        found = bootstrap(auc, rng.normal(labels), labels, groups, num_resamples=200, seed=seed)
        hits += found.low <= truth <= found.high
    assert 88 <= hits <= 99


def test_groups_are_drawn_whole() -> None:
    p, y = draw(0, 100)
    alone = bootstrap(auc, p, y, [str(i) for i in range(100)])
    # Ten copies of each clip are not ten clips.
    copies = bootstrap(auc, np.tile(p, 10), np.tile(y, 10), [str(i) for i in range(100)] * 10)
    assert copies.value == pytest.approx(alone.value)
    assert copies.high - copies.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_the_same_seed_gives_the_same_interval_and_one_class_gives_none() -> None:
    p, y = draw(0)
    groups = [str(i // 2) for i in range(200)]
    assert bootstrap(auc, p, y, groups, seed=3) == bootstrap(auc, p, y, groups, seed=3)
    nothing = bootstrap(auc, p, np.zeros(200), groups)
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    assert str(nothing) == "-"
    assert str(Interval(0.9812, 0.97, 0.99)) == "0.981 [0.970, 0.990]"
    one_group = bootstrap(auc, p, y, ["a"] * 200)
    assert one_group.low == one_group.value == one_group.high


def test_a_thousand_resamples_of_700_clips_are_quick() -> None:
    p, y = draw(0, 700)
    groups = [str(i // 2) for i in range(700)]
    start = time.process_time()
    bootstrap(auc, p, y, groups, num_resamples=1000)
    assert time.process_time() - start < 2


def test_a_paired_difference_sees_what_two_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile([0.0, 1.0], 100)
    hard = labels + rng.normal(0, 1.5, 200)
    better, worse = hard + 0.4 * labels, hard
    groups = [str(i // 2) for i in range(200)]
    gain = bootstrap(auc, better, labels, groups, against=worse)
    assert gain.low > 0
    assert gain.value == pytest.approx(auc(better, labels) - auc(worse, labels))
    first, second = (bootstrap(auc, p, labels, groups) for p in (better, worse))
    assert first.low < second.high
    same = bootstrap(auc, worse, labels, groups, against=worse)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_the_metrics_of_several_runs_are_averaged_within_each_draw() -> None:
    first, labels = draw(0)
    runs = np.stack([first, draw(1)[0], np.flip(first)])
    groups = [str(i // 4) for i in range(len(labels))]
    mean = bootstrap(auc, runs, labels, groups)
    assert mean.value == pytest.approx(np.mean([auc(run, labels) for run in runs]))
    assert bootstrap(auc, np.stack([first, first]), labels, groups) == bootstrap(
        auc, first, labels, groups
    )
    gain = bootstrap(auc, runs, labels, groups, against=first)
    assert gain.value == pytest.approx(mean.value - auc(first, labels))


def test_least_detection_cost_by_hand() -> None:
    # Fakes .9 .8 .3, genuine .7 .2 .1 .05: below .3 all fakes and 1 of 4 genuine are called,
    # which costs 1 * .95 / 4; above .7 one fake in three passes: 10 * .05 / 3, and that is less.
    scores = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.05])
    labels = np.array([1, 1, 1, 0, 0, 0, 0])
    assert min_detection_cost(scores, labels) == pytest.approx((0.5 / 3) / 0.5)
    assert min_detection_cost(scores[:2].repeat(2), np.array([1, 0, 1, 0])) <= 1.0
    assert min_detection_cost(1 - scores, labels) == pytest.approx(1.0)
    assert min_detection_cost(np.array([0.9, 0.1]), np.array([1, 0])) == 0.0

"""The distance that probabilities keep from 0 and 1 is the one that costs least out of fold."""

import json
from dataclasses import replace

import numpy as np
import pytest
from stack_simulation import out_of_fold

from avfake.calibration.calibrators import MAX_EPSILON, Calibrator, fit_epsilon, squeeze
from avfake.calibration.decision_model import DecisionFit, DecisionModel
from avfake.calibration.features import FEATURES
from avfake.calibration.output_model import fit_output
from avfake.calibration.probabilities import row_losses, to_probabilities
from avfake.calibration.stacker import StackConfig

FAST = StackConfig(max_rounds=30, num_folds=3)


def test_the_share_that_is_certain_and_wrong_is_the_answer() -> None:
    labels = np.tile([1.0, 0.0], 100)
    said = labels.copy()
    said[0] = 0.0  # for p of 0 and 1 the loss is least where eps is the share of errors
    assert fit_epsilon(said, labels) == pytest.approx(1 / 200, rel=1e-3)
    assert fit_epsilon(labels, labels) == 0.0
    assert fit_epsilon(1 - labels, labels) == MAX_EPSILON


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_best_of_a_grid_and_never_costs_anything(seed) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, 300)
    labels = (rng.random(300) < to_probabilities(logits)).astype(float)
    sure = to_probabilities((0.5 + seed / 4) * logits)
    epsilon = fit_epsilon(sure, labels)
    losses = [row_losses(squeeze(sure, e), labels).mean() for e in np.linspace(0, MAX_EPSILON, 500)]
    assert row_losses(squeeze(sure, epsilon), labels).mean() <= min(losses) + 1e-12
    assert (epsilon > 0) == (seed > 2)  # beyond 1 the logits are too large


def fit_on(logits: np.ndarray, labels: np.ndarray):
    """The face, fitted on a fusion head that gives these logits."""
    scored = out_of_fold(len(labels))
    rows = scored.rows.copy()
    rows[:, list(FEATURES).index("face_fused")] = logits
    return fit_output(
        replace(scored, rows=rows, labels={"face": labels}), "face", config=FAST, use_stacker=False
    )


def test_labels_no_score_can_explain_keep_the_calibrator_from_certainty() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 5, 600)
    honest = (rng.random(600) < to_probabilities(logits)).astype(float)
    flipped = np.where(rng.random(600) < 0.06, 1 - honest, honest)
    clean, spoilt = (
        fit_on(logits, y).model.calibrators["fused"]["whole"] for y in (honest, flipped)
    )
    assert clean.epsilon < 0.01 < spoilt.epsilon < 0.08
    again = Calibrator.from_dict(json.loads(json.dumps(spoilt.to_dict())))
    points = np.array([-1e3, -1.0, np.nan, 1e3])
    np.testing.assert_array_equal(again(points), spoilt(points))
    assert again(points)[0] >= spoilt.epsilon


def test_rows_not_seen_are_clipped_alike_and_cost_no_more() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 5, 400)
    labels = ((logits > 0) != (rng.random(400) < 0.05)).astype(float)
    fit = fit_on(logits, labels)
    calibrator = fit.model.calibrators["fused"]["whole"]
    assert calibrator.epsilon > 0
    bare = (fit.fused - calibrator.epsilon) / (1 - 2 * calibrator.epsilon)
    assert row_losses(fit.fused, labels).mean() < row_losses(bare, labels).mean()


def test_a_verdict_model_keeps_its_clip(tmp_path) -> None:
    scored = out_of_fold(100, seed=4)
    model = DecisionFit.fit(scored, FAST).model
    model.save(tmp_path)
    assert DecisionModel.load(tmp_path).outputs == model.outputs


def test_without_folds_nothing_is_learned() -> None:
    few = replace(out_of_fold(6), labels={"face": np.array([1, 0, *[np.nan] * 4])})
    fit = fit_output(few, "face", config=FAST)
    found = [one for by in fit.model.calibrators.values() for one in by.values()]
    assert {one.epsilon for one in found} == {0.0}

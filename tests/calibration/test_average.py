"""The average of models is surer than each of them, by a slope that clips held back show."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stack_simulation import out_of_fold

from avfake.calibration.calibrators import Calibrator, fit_slope, shifted
from avfake.calibration.curves import PlattCurve
from avfake.calibration.decision_model import DecisionFit, DecisionModel
from avfake.calibration.features import FEATURES
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.probabilities import row_losses, to_probabilities
from avfake.calibration.stacker import StackConfig
from avfake.evaluation.metrics import calibration_error
from avfake.labels import OUTPUTS

FAST = StackConfig(max_rounds=30, num_folds=3)
NUM_MODELS = 3
SHARED, OWN = 1.0, 1.6
"""Standard deviations of the error that all models make, and of that which each makes alone."""
AVERAGED = (SHARED**2 + OWN**2) / (SHARED**2 + OWN**2 / NUM_MODELS)
"""By how much the log-likelihood ratio of the average is steeper than that of one model."""


def scored_by(num_averaged: int, num_clips: int, seed: int) -> OutOfFold:
    """Return rows in which the fused logit of each output is that of so many models averaged."""
    scored, rng = out_of_fold(num_clips, seed=seed), np.random.default_rng(seed)
    rows = scored.rows.copy()
    for output in OUTPUTS:
        noise = SHARED * rng.normal(size=num_clips)
        noise += OWN / np.sqrt(num_averaged) * rng.normal(size=num_clips)
        signal = 1.5 * (2 * scored.labels[output] - 1)
        rows[:, list(FEATURES).index(f"{output}_fused")] = signal + noise
    return replace(scored, rows=rows)


@pytest.fixture(scope="module")
def single() -> OutOfFold:
    return scored_by(1, 1500, seed=1)


@pytest.fixture(scope="module")
def fit(single: OutOfFold) -> DecisionFit:
    held_back = scored_by(NUM_MODELS, 400, seed=2)
    return DecisionFit.fit(single, FAST, use_stacker=False, held_back=held_back)


@pytest.fixture(scope="module")
def plain(single: OutOfFold) -> DecisionFit:
    return DecisionFit.fit(single, FAST, use_stacker=False)


def calibrators(model: DecisionModel) -> list[Calibrator]:
    return [one.calibrators["fused"]["whole"] for one in model.outputs.values()]


def test_answers_of_the_average_are_right_with_the_slope(
    fit: DecisionFit, plain: DecisionFit
) -> None:
    unseen = scored_by(NUM_MODELS, 4000, seed=3)
    surer, cautious = (one.model.assess_rows(unseen.rows) for one in (fit, plain))
    for part in ("face", "voice"):
        labels = unseen.labels[part]
        assert calibration_error(cautious[part], labels) > 0.05
        assert calibration_error(surer[part], labels) < 0.03
        assert row_losses(surer[part], labels).mean() < row_losses(cautious[part], labels).mean()
        np.testing.assert_array_equal(np.argsort(surer[part]), np.argsort(cautious[part]))
    for calibrator in calibrators(fit.model):
        assert calibrator.slope == pytest.approx(AVERAGED, rel=0.25)
    assert [calibrator.slope for calibrator in calibrators(plain.model)] == [1.0] * len(OUTPUTS)


def test_decisions_on_a_part_are_as_they_were(fit: DecisionFit, plain: DecisionFit) -> None:
    rows = scored_by(NUM_MODELS, 1000, seed=4).rows
    surer, cautious = (one.model.assess_rows(rows) for one in (fit, plain))
    for part in ("face", "voice"):
        found, before = (
            [one.model.part_rules[part].decide(p) for p in answers[part]]
            for one, answers in ((fit, surer), (plain, cautious))
        )
        assert found == before
        assert {"real", "fake", "unsure"} == set(found)


def test_answers_out_of_fold_are_those_of_single_models(
    fit: DecisionFit, plain: DecisionFit
) -> None:
    for output in OUTPUTS:
        np.testing.assert_array_equal(fit.kept[output], plain.kept[output])


def test_models_that_err_alike_are_as_sure_together(single: OutOfFold) -> None:
    held_back = scored_by(1, 400, seed=5)
    model = DecisionFit.fit(single, FAST, use_stacker=False, held_back=held_back).model
    assert all(1 <= calibrator.slope < 1.25 for calibrator in calibrators(model))


def test_few_clips_move_the_slope_little(single: OutOfFold) -> None:
    slopes = []
    for seed in range(10, 30):
        held_back = scored_by(1, 12, seed=seed)
        model = DecisionFit.fit(single, FAST, use_stacker=False, held_back=held_back).model
        slopes += [calibrator.slope for calibrator in calibrators(model)]
    assert np.mean(slopes) < 1.25
    assert max(slopes) < 2


def test_the_number_of_models_bounds_the_slope() -> None:
    right = np.ones(1000)
    for num_models in (1, 2, 5):
        slope = fit_slope(lambda by: row_losses(to_probabilities(by * right), right), num_models)
        assert slope == pytest.approx(num_models, rel=1e-3)
        assert slope <= num_models


def test_clips_of_one_class_tell_nothing(single: OutOfFold) -> None:
    held_back = scored_by(NUM_MODELS, 50, seed=6)
    labels = {output: np.zeros(50) for output in OUTPUTS}
    held_back = replace(held_back, labels=labels)
    model = DecisionFit.fit(single, FAST, use_stacker=False, held_back=held_back).model
    assert [calibrator.slope for calibrator in calibrators(model)] == [1.0] * len(OUTPUTS)


def test_a_clip_that_shows_nothing_stays_at_the_share_of_fakes() -> None:
    centre = float(np.log(3))
    calibrator = Calibrator(PlattCurve(1.0, centre), centre=centre, slope=2.0)
    np.testing.assert_allclose(
        calibrator(np.array([0.0, 1.0])), to_probabilities([centre, centre + 2])
    )
    moved = replace(calibrator, shift=-centre)
    np.testing.assert_allclose(moved(np.array([0.0, 1.0])), to_probabilities([0.0, 2.0]))


def test_no_answer_comes_nearer_to_certainty_than_before() -> None:
    calibrator = Calibrator(PlattCurve(1.0, 0.0), epsilon=0.01, slope=2.5)
    assert calibrator(np.array([-50.0, 50.0])) == pytest.approx([0.01, 0.99], abs=1e-3)
    assert calibrator(np.array([-50.0]))[0] >= 0.01


def test_what_was_kept_and_the_fusion_head_have_slopes_of_their_own() -> None:
    config = replace(FAST, rule="mean")
    held_back = out_of_fold(400, seed=2, signal=3.0)  # surer scores than those of single models
    fused = list(FEATURES).index("face_fused")
    # And a fusion head that knows nothing.
    held_back.rows[:, fused] = np.random.default_rng(0).normal(size=len(held_back.rows))
    model = DecisionFit.fit(out_of_fold(900, seed=1), config, held_back=held_back).model
    found = {name: one["whole"].slope for name, one in model.outputs["face"].calibrators.items()}
    assert found["mean"] > 1.2
    assert found["fused"] < 1.1


def test_a_wanted_prior_keeps_the_slope(single: OutOfFold, fit: DecisionFit) -> None:
    wanted = replace(FAST, prior=0.5)
    held_back = scored_by(NUM_MODELS, 400, seed=2)
    model = DecisionFit.fit(single, wanted, use_stacker=False, held_back=held_back).model
    for found, before in zip(calibrators(model), calibrators(fit.model), strict=True):
        assert found.slope == pytest.approx(before.slope, rel=1e-6)
        logits = np.linspace(-6, 6, 25)
        assert found.shift == pytest.approx(-found.centre)
        np.testing.assert_allclose(found(logits), shifted(before(logits), found.shift))
    rows = scored_by(NUM_MODELS, 500, seed=4).rows
    for part in ("face", "voice"):
        decided, before_that = (
            [one.part_rules[part].decide(p) for p in one.assess_rows(rows)[part]]
            for one in (model, fit.model)
        )
        assert decided == before_that


def test_it_is_saved(fit: DecisionFit, tmp_path: Path) -> None:
    fit.model.save(tmp_path)
    again = DecisionModel.load(tmp_path)
    assert calibrators(again) == calibrators(fit.model)
    assert "for the average of models" in str(calibrators(again)[0])
    old = {"curve": {"kind": "platt", "slope": 1.0, "offset": 0.0}, "epsilon": 0.0}
    assert Calibrator.from_dict(old).slope == 1.0

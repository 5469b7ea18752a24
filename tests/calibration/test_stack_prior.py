"""Probabilities for a world with another share of fakes: of a set drawn from that world, they are
right; decisions stay."""

from dataclasses import replace

import numpy as np
import pytest
from stack_simulation import out_of_fold

from avfake.calibration.calibrators import shifted
from avfake.calibration.decision_model import DecisionFit, DecisionModel
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.probabilities import TrainedPrior, row_losses
from avfake.calibration.stacker import StackConfig
from avfake.detector.options import PredictOptions
from avfake.errors import ConfigError
from avfake.evaluation.metrics import calibration_error
from avfake.labels import OUTPUTS

FAST = StackConfig(max_rounds=30, learning_rate=0.1, num_folds=3)


@pytest.fixture(scope="module")
def scored() -> OutOfFold:
    return out_of_fold(1500)


@pytest.fixture(scope="module")
def model(scored) -> DecisionModel:
    return DecisionFit.fit(scored, FAST, use_stacker=False).model


def test_a_shift_is_bayes_rule_and_spares_certainty() -> None:
    p = 0.8
    by = TrainedPrior(0.5, 1.0).shift(0.01)
    assert shifted(p, by) == pytest.approx(0.8 * 0.01 / (0.8 * 0.01 + 0.2 * 0.99))
    assert [shifted(end, by) for end in (0.0, 1.0)] == [0.0, 1.0]
    assert shifted(1.0, -1e4) == 1.0
    rng = np.random.default_rng(0)
    assert all(shifted(one, 0.0) == one for one in rng.random(1000))


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_prior_that_is_no_share_is_refused_by_name(prior) -> None:
    with pytest.raises(ConfigError, match=f"prior is {prior}; .* above 0 and below 1"):
        PredictOptions(prior=prior)


def test_shares_are_measured_on_what_is_known() -> None:
    labels = np.array([1.0, 0, 0, np.nan, 1, 0])
    overall = np.array([1.0, 1, 0, 1, np.nan, 0])
    assert TrainedPrior.measure(labels, overall) == TrainedPrior(0.4, 0.5)
    assert TrainedPrior.measure(labels, None) == TrainedPrior(0.4, None)


def test_the_prior_of_training_changes_nothing(model, scored) -> None:
    shifts = model.shifts(float(scored.labels["overall"].mean()))
    assert shifts == {output: pytest.approx(0, abs=1e-12) for output in OUTPUTS}


def test_probabilities_rise_with_the_prior(model) -> None:
    priors = np.geomspace(1e-4, 0.999, 30)
    for output in OUTPUTS:
        by = np.array([model.shifts(prior)[output] for prior in priors])
        assert np.all(np.diff(by) > 0)
        assert np.all(np.diff([shifted(0.3, one) for one in by]) > 0)


@pytest.fixture(scope="module")
def new() -> OutOfFold:
    return out_of_fold(5000, seed=7)


@pytest.mark.parametrize("prior", [0.05, 0.9])
def test_the_shifted_probabilities_are_right_where_that_share_is_fake(model, new, prior) -> None:
    """New clips, drawn again so that the share of fakes is the prior and no other thing differs."""
    rng, fake = np.random.default_rng(1), new.labels["overall"] == 1
    chances = np.where(fake, prior / fake.sum(), (1 - prior) / (~fake).sum())
    draw = rng.choice(len(new), 20_000, p=chances)
    answers, shifts = model.assess_rows(new.rows), model.shifts(prior)
    for output in OUTPUTS:
        # As `OutputModel` gives them: raising "overall" to its parts is a promise, no calibration.
        before = model.outputs[output].predict(new.rows)[draw]
        after = np.array([shifted(p, shifts[output]) for p in before])
        labels = new.labels[output][draw]
        assert row_losses(after, labels).mean() < row_losses(before, labels).mean() - 0.005, output
        assert calibration_error(after, labels) < 0.03, output
        assert calibration_error(before, labels) > 2 * calibration_error(after, labels), output
    raised = np.array([shifted(p, shifts["overall"]) for p in answers["overall"][draw]])
    assert calibration_error(raised, new.labels["overall"][draw]) < 0.03


def test_a_folder_keeps_the_prior(model, tmp_path) -> None:
    model.save(tmp_path)
    again = DecisionModel.load(tmp_path)
    assert again.shifts(0.1) == model.shifts(0.1)
    assert again.prior == model.prior


def test_parts_whose_fakes_are_in_no_fake_file_refuse(model) -> None:
    face = replace(model.outputs["face"], prior=TrainedPrior(0.4, None))
    lone = replace(model, outputs={**model.outputs, "face": face})
    with pytest.raises(ConfigError, match="of face it is not known"):
        lone.shifts(0.1)

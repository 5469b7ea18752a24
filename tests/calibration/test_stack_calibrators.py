"""Logits made by a known law find the calibrator of that law."""

import json

import numpy as np
import pytest

from avfake.calibration.calibrators import Calibrator, choose_fit, squeeze
from avfake.calibration.curves import (
    FITS,
    BetaCurve,
    IsotonicCurve,
    PlattCurve,
    fit_beta,
    fit_isotonic,
    fit_temperature,
)
from avfake.errors import BundleError


def draw(law, num: int, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, num)
    return logits, (rng.random(num) < law(logits)).astype(float)


def staircase(logits: np.ndarray) -> np.ndarray:
    return np.select([logits < -2, logits < 2], [0.05, 0.5], 0.95)


LAWS = {
    "temperature": PlattCurve(0.5, 0.0),
    "platt": PlattCurve(1.0, 2.0),
    "beta": BetaCurve(0.1, 2.0, 1.0),
    "isotonic": staircase,
}


@pytest.mark.parametrize("kind", LAWS)
def test_the_law_that_made_the_labels_is_chosen(kind) -> None:
    logits, labels = draw(LAWS[kind], 6000)
    groups = [str(i // 2) for i in range(6000)]
    folds = (np.arange(6000) // 2) % 5
    assert choose_fit(logits, labels, groups, folds) == kind
    fitted = FITS[kind](logits, labels)
    points = np.array([-5.0, -3, -0.5, 0.5, 3, 5])
    np.testing.assert_allclose(fitted(points), LAWS[kind](points), atol=0.05)


def test_few_groups_are_platts_and_few_rows_no_staircase() -> None:
    logits, labels = draw(staircase, 60)
    groups = [str(i) for i in range(60)]
    assert choose_fit(logits, labels, groups, None) == "platt"
    assert choose_fit(logits, labels, groups, np.arange(60) % 5) != "isotonic"


def test_few_large_groups_that_agree_are_enough_for_another_kind() -> None:
    logits, labels = draw(LAWS["platt"], 2000)
    groups = np.arange(2000) % 4
    assert choose_fit(logits, labels, groups.astype(str).tolist(), groups) == "platt"


def test_squeezed_probabilities_are_float64() -> None:
    found = squeeze(np.array([0.0, 0.5, 1.0, np.nan], np.float32), 0.1)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [0.1, 0.5, 0.9, np.nan])


def test_temperature_and_bends_are_found() -> None:
    logits, labels = draw(PlattCurve(0.5, 0.0), 20000)
    found = fit_temperature(logits, labels)
    assert (found.slope, found.offset) == (pytest.approx(0.5, abs=0.02), 0.0)
    logits, labels = draw(BetaCurve(0.4, 1.5, 0.7), 20000)
    bends = fit_beta(logits, labels)
    assert bends.high == pytest.approx(0.4, abs=0.05)
    assert bends.low == pytest.approx(1.5, abs=0.1)
    assert bends.offset == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("kind", FITS)
def test_the_order_of_clips_is_never_turned_round(kind) -> None:
    logits, labels = draw(PlattCurve(1.0, 0.0), 2000)
    points = np.linspace(-30, 30, 200)
    for answers in (labels, 1 - labels):  # of a branch that is worse than chance, too
        p = FITS[kind](logits, answers)(points)
        assert np.all(np.diff(p) >= -1e-12)
        assert np.all((p > 0) & (p <= 1))


@pytest.mark.parametrize("kind", FITS)
def test_a_calibrator_survives_json_and_keeps_what_is_unknown(kind) -> None:
    logits, labels = draw(staircase, 300)
    calibrator = Calibrator(FITS[kind](logits, labels), 0.01)
    again = Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict())))
    assert again == calibrator
    assert np.isnan(again(np.array([np.nan]))).all()
    assert str(again) == f"{again.curve.kind}, kept 0.0100 from 0 and 1"
    with pytest.raises(BundleError, match="is no calibrator"):
        Calibrator.from_dict({"slope": 1.0})


@pytest.mark.parametrize("kind", FITS)
def test_a_calibrator_can_be_named(kind) -> None:
    curve = FITS[kind](*draw(PlattCurve(1.0, 2.0), 500))
    assert curve.kind == kind
    assert Calibrator.from_dict(Calibrator(curve).to_dict()).curve.kind == kind


def test_the_staircase_is_that_of_pooled_neighbours() -> None:
    labels = np.array([0.0, 1, 0, 1])
    steps = fit_isotonic(np.arange(4.0), labels)
    # Platt's targets for two of each: 1/4 and 3/4; the middle two violate the order and are pooled.
    assert isinstance(steps, IsotonicCurve)
    np.testing.assert_allclose(steps(np.arange(4.0)), [0.25, 0.5, 0.5, 0.75])

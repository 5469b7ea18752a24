"""What a bundle says of its own answers: measured on clips that nothing had been fitted on."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from avfake.calibration.features import FEATURES
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.stacker import StackConfig
from avfake.detector.facts import FaceSides
from avfake.training.facts import held_out_facts

FAST = StackConfig(num_folds=4, false_alarm_rate=0.1, confidence=0.8)


def rows_with(**columns: np.ndarray) -> np.ndarray:
    size = len(next(iter(columns.values())))
    rows = np.full((size, len(FEATURES)), np.nan, np.float32)
    for name, values in columns.items():
        rows[:, list(FEATURES).index(name)] = values
    return rows


@pytest.fixture(scope="module")
def found() -> SimpleNamespace:
    """1,600 clips in pairs, whose p_fake has a known law; a third without sound, no face labels."""
    rng = np.random.default_rng(0)
    size = 1600
    label = rng.random(size) < 0.5
    logit = 2 * label - 1 + rng.normal(size=size)
    p = 1 / (1 + np.exp(-2 * logit))  # what Bayes would say of two normals at -1 and 1
    voice = np.where(np.arange(size) % 3 == 0, np.nan, 0.5)
    scored = OutOfFold(
        rows_with(face_mean=np.full(size, 0.5), voice_mean=voice, face_px=50 + rng.random(size)),
        [f"c{k}" for k in range(size)],
        [f"g{k // 2}" for k in range(size)],
        {"overall": label.astype(float)},
        np.zeros(size, int),
        [frozenset({"other"})],
    )
    fitted: Any = SimpleNamespace(
        kept={"overall": p}, model=SimpleNamespace(outputs={"overall": None})
    )
    facts = held_out_facts(scored, fitted, FAST)
    return SimpleNamespace(truth=(p, label, scored), **vars(facts))


def test_metrics_are_those_of_the_law(found: SimpleNamespace) -> None:
    p, label, _ = found.truth
    told = found.outputs["overall"]
    assert told.rows == 1600
    assert told.fake_share == pytest.approx(np.mean(label))
    assert told.auc.value == pytest.approx(0.921, abs=0.02)  # Phi(2 / sqrt 2)
    loss = -np.mean(np.log(np.where(label, p, 1 - p)))
    assert told.log_loss.value == pytest.approx(loss, abs=1e-5)
    assert told.calibration_error.value < 0.04
    for name in ("auc", "log_loss"):
        interval = getattr(told, name)
        assert interval.low < interval.value < interval.high


def test_promises_are_kept_on_what_no_rule_had_seen(found: SimpleNamespace) -> None:
    assert set(found.decisions) == {"whole", "picture"}
    for view, size in (("whole", 1066), ("picture", 534)):
        told = found.decisions[view]
        assert told.genuine + told.fake == size
        assert told.real_covered.value == pytest.approx(0.8, abs=0.05)
        assert told.fake_covered.value == pytest.approx(0.8, abs=0.05)
        # fake needs a set without "real", so the band of 80 % binds before the 10 %.
        assert told.false_alarms.value <= 0.13
        assert told.found.value > 0.5


def test_the_least_face_is_told(found: SimpleNamespace) -> None:
    assert found.face_px == FaceSides(least=50.0, median=50.5)


def test_too_few_groups_give_no_number(found: SimpleNamespace) -> None:
    p, _, scored = found.truth
    alone = replace(scored, groups=["one"] * len(scored))
    fitted: Any = SimpleNamespace(
        kept={"overall": p}, model=SimpleNamespace(outputs={"overall": None})
    )
    assert held_out_facts(alone, fitted, FAST).decisions == {}
    silent: Any = SimpleNamespace(kept={}, model=SimpleNamespace(outputs={}))
    nothing = held_out_facts(scored, silent, FAST)
    assert (nothing.outputs, nothing.decisions) == ({}, {})

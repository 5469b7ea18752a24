"""Bounds of decisions count groups: a new file is of a new source, not one more of a known one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stack_simulation import out_of_fold

from avfake.calibration.decision_model import DecisionFit, DecisionModel
from avfake.calibration.decision_rule import ConformalBand, DecisionRule, find_threshold
from avfake.calibration.probabilities import to_logits
from avfake.calibration.stacker import StackConfig
from avfake.errors import ConfigError
from avfake.labels import MODALITIES


def sources(rng: np.random.Generator, num: int) -> tuple[np.ndarray, list[str]]:
    """Scores of genuine clips of sources that differ in level and in size, some very large."""
    sizes = rng.choice([1, 2, 40], num)
    scores = [rng.normal(rng.normal(0, 1), 0.2, size) for size in sizes]
    groups = [f"source {i}" for i, size in enumerate(sizes) for _ in range(size)]
    return np.concatenate(scores), groups


def test_the_threshold_keeps_the_rate_on_clips_of_new_sources() -> None:
    rng = np.random.default_rng(0)
    by_source, by_clip = [], []
    for _ in range(300):
        scores, groups = sources(rng, 40)
        new, _ = sources(rng, 30)
        for rates, names in ((by_source, groups), (by_clip, None)):
            threshold = find_threshold(scores, np.zeros(len(scores)), names, false_alarm_rate=0.1)
            rates.append(np.mean(new[:1] > threshold))  # a clip of one new source
    assert np.mean(by_source) < 0.12
    assert np.mean(by_clip) > np.mean(by_source)


def test_a_group_counts_once_however_many_clips_it_has() -> None:
    p = np.r_[np.arange(19) / 20, np.full(500, 0.99)]
    groups = [*map(str, range(19)), *["large"] * 500]
    assert find_threshold(p, np.zeros(len(p)), groups, false_alarm_rate=0.1) == 0.9
    assert find_threshold(p, np.zeros(len(p)), false_alarm_rate=0.1) == 0.99
    alone = find_threshold(p[:19], np.zeros(19), groups[:19])
    assert alone == find_threshold(p[:19], np.zeros(19))
    assert find_threshold(p[19:], np.zeros(500), groups[19:]) == 1.0  # one source promises nothing


def test_order_and_names_of_the_groups_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    scores, groups = sources(rng, 25)
    labels = (rng.random(len(scores)) < 0.5).astype(float)
    rule = DecisionRule.fit(scores, labels, groups)
    order = rng.permutation(len(scores))
    renamed = [f"other {groups[i]}" for i in order]
    assert DecisionRule.fit(scores[order], labels[order], renamed) == rule


def test_the_rate_of_missed_fakes_narrows_what_is_called_real() -> None:
    p = np.r_[np.linspace(0, 0.6, 50), np.linspace(0.2, 1, 50)]
    labels = np.r_[np.zeros(50), np.ones(50)]
    loose = DecisionRule.fit(p, labels, config=StackConfig(confidence=0.7))
    strict = DecisionRule.fit(p, labels, config=StackConfig(confidence=0.7, missed_rate=0.02))
    assert strict.real_threshold == pytest.approx(0.2)
    assert loose.decide(0.3) == "real"
    assert strict.decide(0.3) == "unsure"
    assert strict.decide(0.1) == loose.decide(0.1) == "real"
    # So few fakes promise nothing, and nothing is called real.
    few = DecisionRule.fit(p[40:60], labels[40:60], config=StackConfig(missed_rate=0.02))
    assert few.decide(0.01) == "unsure"


@pytest.mark.parametrize("name", ["missed_rate", "prior"])
def test_a_rate_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"stack.{name} must be None or in"):
        StackConfig(**{name: 1.0})


def test_the_band_takes_groups_too() -> None:
    p = np.r_[np.arange(9) / 10, np.full(90, 0.95)]
    band = ConformalBand.fit(
        p, np.zeros(99), [*map(str, range(9)), *["large"] * 90], confidence=0.8
    )
    assert band.real_below == 0.8
    assert ConformalBand.fit(p, np.zeros(99), confidence=0.8).real_below == 0.95


def test_the_ends_of_the_band_belong_to_it() -> None:
    band = ConformalBand(real_below=0.4, fake_above=0.3, confidence=0.9)
    assert [band.contains(p) for p in (0.29, 0.3, 0.4, 0.41)] == [
        *((True, False), (True, True), (True, True), (False, True))
    ]


def test_the_rules_of_a_detector_count_groups() -> None:
    scored = out_of_fold(300)
    large = ["large" if number < 120 else name for number, name in enumerate(scored.groups)]
    trained_on = [members | {"other"} - {"large"} for members in scored.trained_on]
    scored = replace(scored, groups=large, trained_on=trained_on)
    fit = DecisionFit.fit(scored, use_stacker=False)
    p, labels = fit.kept["overall"], scored.labels["overall"]
    assert fit.model.rules["kept"]["whole"] == DecisionRule.fit(p, labels, large)
    assert fit.model.rules["kept"]["whole"] != DecisionRule.fit(p, labels)


@pytest.fixture(scope="module")
def fits() -> dict[str, DecisionFit]:
    scored = out_of_fold(400)
    shifted = StackConfig(prior=0.5)
    return {
        "trained": DecisionFit.fit(scored, use_stacker=False),
        "half": DecisionFit.fit(scored, shifted, use_stacker=False),
    }


def test_a_wanted_prior_shifts_all_probabilities_alike(fits: dict[str, DecisionFit]) -> None:
    trained, half = fits["trained"], fits["half"]
    assert half.model.prior == 0.5
    assert half.model.outputs["face"].prior.of_fakes == 1.0
    share = trained.model.outputs["face"].prior.fakes
    moved = to_logits(half.kept["face"]) - to_logits(trained.kept["face"])
    assert moved == pytest.approx(-to_logits(share), abs=1e-6)
    # The order stays, and with it the decisions.
    rows = out_of_fold(60, seed=1).rows
    decided = [
        [fit.model.rule().decide(p) for p in fit.model.assess_rows(rows)["face"]]
        for fit in (trained, half)
    ]
    assert set(MODALITIES) == set(half.model.rules["kept"])
    assert "fake" in decided[0]


def test_each_part_has_a_rule_and_keeps_it_on_disk(
    fits: dict[str, DecisionFit], tmp_path: Path
) -> None:
    model = fits["half"].model
    assert set(model.part_rules) == {"face", "voice"}
    model.save(tmp_path)
    again = DecisionModel.load(tmp_path)
    assert again.part_rules == model.part_rules
    rows = out_of_fold(20, seed=2).rows
    found, wanted = again.assess_rows(rows), model.assess_rows(rows)
    for output in found:
        np.testing.assert_array_equal(found[output], wanted[output])

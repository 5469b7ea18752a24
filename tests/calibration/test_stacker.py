from dataclasses import replace

import numpy as np
import pytest
from stack_simulation import out_of_fold

from avfake.calibration.features import FEATURES, MONOTONE, OUTPUT_FEATURES
from avfake.calibration.out_of_fold import OutOfFold, group_folds
from avfake.calibration.stacker import StackConfig, Stacker, choose, fit_stacker
from avfake.errors import BundleError, ConfigError

FAST = StackConfig(max_rounds=60, num_folds=3)


def fit(scored: OutOfFold, output: str = "overall"):
    folds = group_folds(scored.labels[output], scored.groups, num_folds=3, seed=0)
    return fit_stacker(scored, output, folds, config=FAST)


def test_a_planted_leak_is_refused_and_named() -> None:
    scored = out_of_fold(12)
    leaky = [scored.trained_on[0] | {"g3"}, *scored.trained_on[1:]]
    with pytest.raises(ConfigError, match=r"2 of 12 rows .* clip6 \(group g3, member 0\)"):
        replace(scored, trained_on=leaky)


def test_rows_that_do_not_fit_together_are_refused() -> None:
    scored = out_of_fold(6)
    with pytest.raises(ConfigError, match="trained_on.1. is empty"):
        replace(scored, trained_on=[scored.trained_on[0], frozenset(), scored.trained_on[2]])
    with pytest.raises(ConfigError, match="fold must lie in"):
        replace(scored, fold=np.full(6, 3))
    with pytest.raises(ConfigError, match="groups has 5"):
        replace(scored, groups=scored.groups[:5])
    with pytest.raises(ConfigError, match="rows must be"):
        replace(scored, rows=scored.rows[:, 1:])
    with pytest.raises(ConfigError, match="must be 1, 0 or NaN"):
        replace(scored, labels={"face": np.full(6, 0.5)})
    with pytest.raises(ConfigError, match="labels for"):
        replace(scored, labels={"nose": np.zeros(6)})


def test_more_suspicious_scores_never_lower_the_logit() -> None:
    stacker, _ = fit(out_of_fold(200))
    rows = out_of_fold(30, seed=1).rows
    for name, sign in MONOTONE.items():
        column, logits = list(FEATURES).index(name), []
        for value in np.nanquantile(rows[:, column], np.linspace(0, 1, 7)):
            changed = rows.copy()
            changed[:, column] = value
            logits.append(stacker.logits(changed))
        assert (sign * np.diff(logits, axis=0)).min() >= -1e-9, name


def test_only_the_first_row_of_a_clip_is_its_full_row() -> None:
    scored = replace(out_of_fold(4), clip_ids=["a", "b", "a", "b"])
    assert scored.one_a_clip().tolist() == [0, 1]


def test_folds_keep_groups_whole_and_both_classes_in_every_rest() -> None:
    rng = np.random.default_rng(0)
    groups = [f"g{i}" for i in rng.integers(0, 40, 120)]
    labels = rng.choice([0.0, 1.0, np.nan], 120)
    folds = group_folds(labels, groups, num_folds=5, seed=0)
    assert set(folds) == set(range(5))
    for group in set(groups):
        assert len({f for f, g in zip(folds, groups, strict=True) if g == group}) == 1
    for number in range(5):
        assert {0.0, 1.0} <= set(labels[folds != number])
    np.testing.assert_array_equal(folds, group_folds(labels, groups, num_folds=5, seed=0))


def test_there_are_no_folds_where_a_class_lives_in_one_group() -> None:
    assert group_folds(np.array([1.0, 1, 0, 0]), list("aabc"), num_folds=5, seed=0) is None
    assert group_folds(np.array([1.0, 1, 1, 1]), list("abcd"), num_folds=5, seed=0) is None
    assert group_folds(np.zeros(0), [], num_folds=5, seed=0) is None


def test_the_stacker_ranks_fakes_above_genuine_clips_it_never_saw() -> None:
    scored = out_of_fold(200)
    stacker, logits = fit(scored)
    labels = scored.labels["overall"]
    fake, real = logits[labels == 1], logits[labels == 0]
    assert (fake[:, None] > real).mean() > 0.85
    assert 1 <= stacker.to_text().count("Tree=") <= 60


def test_the_same_rows_give_the_same_text() -> None:
    first, second = (fit(out_of_fold(60))[0].to_text() for _ in range(2))
    assert first == second


def test_the_text_gives_the_same_answers_back() -> None:
    scored = out_of_fold(60)
    stacker = fit(scored, "face")[0]
    again = Stacker.from_text(stacker.to_text())
    assert again.columns == OUTPUT_FEATURES["face"]
    np.testing.assert_array_equal(again.logits(scored.rows), stacker.logits(scored.rows))


def test_a_text_for_other_columns_and_a_broken_text_are_refused() -> None:
    text = fit(out_of_fold(60))[0].to_text()
    with pytest.raises(BundleError, match="made for other columns.*nose_mean"):
        Stacker.from_text(text.replace("face_mean", "nose_mean"))
    for broken in ["", "tree", text[: len(text) // 2], text[50:]]:
        with pytest.raises(BundleError, match="incomplete"):
            Stacker.from_text(broken)
    with pytest.raises(BundleError, match="cannot be read"):
        Stacker.from_text(text.removesuffix("null\n"))


def test_contributions_add_up_to_the_logit() -> None:
    scored = out_of_fold(200)
    stacker = fit(scored)[0]
    found = [stacker.contributions(row) for row in scored.rows[:5]]
    assert [one.base + sum(one.parts.values()) for one in found] == pytest.approx(
        stacker.logits(scored.rows[:5]).tolist()
    )
    assert len({one.base for one in found}) == 1
    assert set(found[0].parts) == set(FEATURES)
    strongest = list(found[0].strongest(3).values())
    assert strongest == sorted(found[0].parts.values(), key=abs, reverse=True)[:3]


@pytest.mark.parametrize("seed", range(5))
def test_noise_does_not_beat_a_baseline(seed) -> None:
    rng = np.random.default_rng(seed)
    scored = out_of_fold(100, seed=seed)
    noise = replace(scored, rows=rng.normal(size=scored.rows.shape).astype(np.float32))
    _, logits = fit(noise)
    labels = scored.labels["overall"]
    prior = np.full(100, labels.mean())
    both = {"fused": prior, "stacker": 0.5 * (1 + np.tanh(logits / 2))}
    assert choose(both, labels=labels, groups=scored.groups).kept == "fused"


def test_a_clear_gain_is_taken_and_a_small_one_is_not() -> None:
    labels = np.tile([0.0, 1.0], 50)
    groups = [str(i // 2) for i in range(100)]
    weak, strong = np.where(labels == 1, 0.6, 0.4), np.where(labels == 1, 0.9, 0.1)
    three = {"fused": weak, "mean": weak, "stacker": strong}
    choice = choose(three, labels=labels, groups=groups)
    assert choice.kept == "stacker"
    assert choice.log_losses["stacker"] == pytest.approx(-np.log(0.9))
    lucky = weak.copy()
    lucky[:3] = strong[:3]
    lucky[3] = 0.35
    choice = choose({"fused": weak, "stacker": lucky}, labels=labels, groups=groups)
    assert choice.kept == "fused"
    assert "possibly only" in choice.reason
    assert choose({"fused": weak}, labels=labels, groups=groups).kept == "fused"


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"stack\.num_folds must be 2 or more, got 1"):
        StackConfig(num_folds=1)
    with pytest.raises(ConfigError, match=r"stack\.confidence must be in \(0, 1\), got 1"):
        StackConfig(confidence=1.0)

import json
from dataclasses import replace

import numpy as np
import pytest
from stack_simulation import clip_scores, out_of_fold
from threadpoolctl import threadpool_info, threadpool_limits

from avfake.calibration.decision_model import DecisionFit, DecisionModel
from avfake.calibration.features import FEATURES, ClipScores, columns_of
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.output_model import fit_output
from avfake.calibration.stacker import StackConfig
from avfake.errors import BundleError, ConfigError

FAST = StackConfig(max_rounds=30, learning_rate=0.1, num_folds=3)


@pytest.fixture(scope="module")
def scored() -> OutOfFold:
    """Fusion that only sees noise, branches that see the truth: the stacker must win."""
    honest = out_of_fold(240)
    rows = honest.rows.copy()
    rng = np.random.default_rng(9)
    for name in FEATURES:
        # The rules see nothing either; the quantiles and shares do.
        if name.endswith(("_fused", "_mean", "_confident", "_weighted")):
            rows[:, list(FEATURES).index(name)] = rng.random(len(rows))
    return replace(honest, rows=rows)


@pytest.fixture(scope="module")
def model(scored) -> DecisionModel:
    return DecisionFit.fit(scored, FAST).model


@pytest.fixture
def clip() -> ClipScores:
    return clip_scores(np.random.default_rng(5), "new", True, False)


def test_the_stacker_is_kept_where_it_wins_and_its_folder_gives_the_same_answers(
    model, scored, clip, tmp_path
) -> None:
    assert {one.choice.kept for one in model.outputs.values()} == {"stacker"}
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "calibration.json",
        "stacker_face.txt",
        "stacker_overall.txt",
        "stacker_voice.txt",
    ]
    again = DecisionModel.load(tmp_path)
    for use_stacker in (True, False):
        assert again.assess(clip.row(), use_stacker=use_stacker) == model.assess(
            clip.row(), use_stacker=use_stacker
        )
        before = model.assess_rows(scored.rows, use_stacker=use_stacker)
        after = again.assess_rows(scored.rows, use_stacker=use_stacker)
        for output in before:
            np.testing.assert_array_equal(before[output], after[output])
    assert again.rules == model.rules
    assert again.not_trained == {}


def test_a_baseline_is_kept_where_it_says_all_there_is_to_say(tmp_path) -> None:
    fit = DecisionFit.fit(out_of_fold(100), FAST)
    kept = fit.model.outputs["face"].choice
    assert kept.kept != "stacker"
    assert "out-of-fold log-loss" in kept.reason
    (tmp_path / "stacker_face.txt").write_text("left over from an earlier run")
    fit.model.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]
    assert DecisionModel.load(tmp_path).outputs["face"].choice.kept == kept.kept


def test_a_fixed_rule_is_the_answer_whatever_wins_and_is_read_back(scored, clip, tmp_path) -> None:
    fixed = DecisionFit.fit(scored, replace(FAST, rule="median")).model
    fixed.save(tmp_path)
    again = DecisionModel.load(tmp_path)
    assert {one.choice.kept for one in again.outputs.values()} == {"median"}
    medians = columns_of(scored.rows, ("face_q50",))[:, 0]
    answers = again.assess_rows(scored.rows)["face"]
    has_face = ~np.isnan(medians)
    # Calibration bends the scale of the median, never its order.
    order = np.argsort(medians[has_face], kind="stable")
    assert (np.diff(answers[has_face][order]) >= 0).all()
    assert len(set(answers[has_face])) > 10
    assert again.assess(clip.row()) == fixed.assess(clip.row())


def test_an_unknown_rule_is_answered_with_near_names() -> None:
    with pytest.raises(ConfigError, match="did you mean 'confident'"):
        StackConfig(rule="confidant")


def test_the_overall_answer_is_never_below_its_parts(model, scored) -> None:
    for use_stacker in (True, False):
        p = model.assess_rows(scored.rows, use_stacker=use_stacker)
        assert np.all(p["overall"] >= np.fmax(p["face"], p["voice"]))


def test_the_face_answer_does_not_move_with_the_sound(model, clip) -> None:
    other_sound = replace(clip, window_scores=1 - clip.window_scores)
    for use_stacker in (True, False):
        before = model.assess(clip.row(), use_stacker=use_stacker)
        after = model.assess(other_sound.row(), use_stacker=use_stacker)
        assert before["face"] == after["face"]


def test_a_missing_modality_is_none_and_the_rest_is_still_answered(model, clip) -> None:
    nothing = np.zeros(0, np.float32)
    silent = replace(
        clip,
        window_scores=nothing,
        window_spans=np.zeros((0, 2), np.float32),
        fused=dict(clip.fused) | {"voice": None},
    )
    for use_stacker in (True, False):
        p = model.assess(silent.row(), use_stacker=use_stacker)
        assert p["voice"] is None
        assert p["face"] is not None
        assert p["overall"] >= p["face"]
    assert model.assess(ClipScores("empty").row()) == {
        "overall": None,
        "face": None,
        "voice": None,
    }
    assert model.rule().decide(None) == "unsure"


def test_copies_with_a_modality_left_out_can_be_added(scored) -> None:
    blanked = scored.rows.copy()
    voice = [i for i, name in enumerate(FEATURES) if name.startswith(("voice", "sound", "disag"))]
    blanked[:, voice] = np.nan
    more = replace(
        scored,
        rows=np.concatenate([scored.rows, blanked]),
        clip_ids=[*scored.clip_ids, *scored.clip_ids],
        groups=[*scored.groups, *scored.groups],
        labels={name: np.tile(values, 2) for name, values in scored.labels.items()},
        fold=np.tile(scored.fold, 2),
    )
    fit = DecisionFit.fit(more, FAST)
    assert np.isnan(fit.kept["voice"][len(scored) :]).all()
    assert not np.isnan(fit.kept["overall"]).any()


def test_out_of_fold_answers_do_not_depend_on_the_rows_own_label() -> None:
    scored = out_of_fold(80)
    before = fit_output(scored, "face", config=FAST)
    labels = scored.labels["face"].copy()
    labels[0] = np.nan  # the label is forgotten; the row is still scored
    after = fit_output(replace(scored, labels={"face": labels}), "face", config=FAST)
    assert not np.isnan(after.kept[0])
    assert before.model.choice.log_losses.keys() == after.model.choice.log_losses.keys()


def test_an_output_with_one_class_or_no_labels_is_not_trained_and_says_why(clip) -> None:
    scored = out_of_fold(40)
    labels = {"overall": scored.labels["overall"], "face": np.full(40, np.nan)}
    fit = DecisionFit.fit(replace(scored, labels=labels | {"voice": np.zeros(40)}), FAST)
    p = fit.model.assess(clip.row())
    assert p["face"] is p["voice"] is None
    assert p["overall"] is not None
    assert fit.model.not_trained == {
        "face": "no clip has a label for it",
        "voice": "all labelled clips are genuine",
    }
    assert [str(reason) for reason in fit.model.reasons] == [
        "face:not_trained",
        "voice:not_trained",
    ]
    without = DecisionFit.fit(replace(scored, labels={}), FAST).model
    assert without.assess(clip.row())["overall"] is None
    assert without.rule() is None


def test_three_clips_give_an_answer_but_no_decision(clip) -> None:
    scored = out_of_fold(3, clips_per_group=1)
    labels = {name: np.array([0.0, 1.0, 1.0]) for name in scored.labels}
    model = DecisionFit.fit(replace(scored, labels=labels), FAST).model
    p = model.assess(clip.row())
    assert 0 < p["overall"] < 1
    assert model.rule().decide(p["overall"]) == model.rule().decide(0.999) == "unsure"
    assert "too few groups" in model.outputs["face"].choice.reason


def test_sixty_clips_are_enough_to_decide() -> None:
    fit = DecisionFit.fit(out_of_fold(60, signal=3), FAST)
    assert fit.model.rule().decide(0.999) == "fake"
    assert fit.model.rule().decide(0.001) == "real"


def test_out_of_fold_probabilities_are_calibrated() -> None:
    scored = out_of_fold(300, signal=0.5)
    fit = DecisionFit.fit(scored, FAST)
    for output, labels in scored.labels.items():
        assert fit.kept[output].mean() == pytest.approx(labels.mean(), abs=0.08), output


def test_a_folder_that_does_not_fit_is_refused(model, tmp_path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        DecisionModel.load(tmp_path)
    model.save(tmp_path)
    (tmp_path / "stacker_face.txt").unlink()
    with pytest.raises(BundleError, match="stacker_face"):
        DecisionModel.load(tmp_path)
    fields = json.loads((tmp_path / "calibration.json").read_text())
    fields["features"].reverse()
    (tmp_path / "calibration.json").write_text(json.dumps(fields))
    with pytest.raises(BundleError, match="rows have changed"):
        DecisionModel.load(tmp_path)


def test_a_stacker_that_was_altered_is_refused(model, tmp_path) -> None:
    model.save(tmp_path)
    path = tmp_path / "stacker_voice.txt"
    path.write_text(path.read_text().replace("leaf_value=-", "leaf_value=", 1))
    with pytest.raises(BundleError, match="stacker_voice.txt: altered"):
        DecisionModel.load(tmp_path)


def test_decisions_keep_their_promises_on_new_clips() -> None:
    fit = DecisionFit.fit(out_of_fold(300, seed=1), FAST)
    new = out_of_fold(800, seed=2)
    p, labels = fit.model.assess_rows(new.rows)["overall"], new.labels["overall"]
    decisions = np.array([fit.model.rule().decide(one) for one in p])
    assert np.mean(decisions[labels == 0] == "fake") < 0.07
    assert np.mean(decisions[labels == 1] == "real") < 0.13
    assert np.mean(decisions[labels == 1] == "fake") > 0.6
    assert np.mean(decisions[labels == 0] == "real") > 0.5
    covered = np.array([fit.model.rule().band.contains(one) for one in p])
    assert covered[labels == 0, 0].mean() == pytest.approx(0.9, abs=0.05)
    assert covered[labels == 1, 1].mean() == pytest.approx(0.9, abs=0.05)


def test_columns_come_in_the_order_asked_for() -> None:
    row = np.arange(len(FEATURES), dtype=np.float32)[None]
    last, first = list(FEATURES)[-1], next(iter(FEATURES))
    assert columns_of(row, (last, first)).tolist() == [[len(FEATURES) - 1, 0]]


def test_a_fit_uses_one_thread_of_blas_and_leaves_the_others_to_the_caller(monkeypatch) -> None:
    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    seen = []

    def fitting(*args, **options):
        seen.append(threads())
        return fit_output(*args, **options)

    monkeypatch.setattr("avfake.calibration.decision_model.fit_output", fitting)
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        DecisionFit.fit(out_of_fold(40), FAST, use_stacker=False)
        assert threads() == before
    assert seen == [{1}] * 3

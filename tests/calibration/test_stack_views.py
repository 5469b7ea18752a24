"""A decision rule for whatever of a clip was assessed, each with its own promise."""

from dataclasses import replace

import numpy as np
import pytest
from stack_simulation import clip_scores, out_of_fold

from avfake.calibration.decision_model import DecisionFit, DecisionModel
from avfake.calibration.features import FEATURES, ClipScores, columns_of, modalities_of
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.output_model import calibrate_modalities
from avfake.calibration.probabilities import to_logits
from avfake.calibration.stacker import StackConfig
from avfake.evaluation.metrics import calibration_error
from avfake.labels import MODALITIES

FAST = StackConfig(max_rounds=30, learning_rate=0.1, num_folds=3)
BLANKED = {"picture": ("voice", "sound", "disag"), "sound": ("face", "disag")}


def blanked(rows: np.ndarray, view: str) -> np.ndarray:
    """The rows where that part alone was assessed, and the fusion head had no other to go by."""
    rows = rows.copy()
    part = {"picture": "face_fused", "sound": "voice_fused"}[view]
    rows[:, list(FEATURES).index("overall_fused")] = rows[:, list(FEATURES).index(part)]
    rows[:, [i for i, name in enumerate(FEATURES) if name.startswith(BLANKED[view])]] = np.nan
    return rows


def three_views(scored: OutOfFold) -> OutOfFold:
    return replace(
        scored,
        rows=np.concatenate([scored.rows, *(blanked(scored.rows, view) for view in BLANKED)]),
        clip_ids=[*scored.clip_ids] * 3,
        groups=[*scored.groups] * 3,
        labels={name: np.tile(values, 3) for name, values in scored.labels.items()},
        fold=np.tile(scored.fold, 3),
    )


@pytest.fixture(scope="module")
def model() -> DecisionModel:
    return DecisionFit.fit(three_views(out_of_fold(400, seed=1, signal=2)), FAST).model


def test_the_view_is_told_from_what_was_assessed() -> None:
    rows = out_of_fold(2).rows
    assert modalities_of(rows).tolist() == ["whole", "whole"]
    assert modalities_of(blanked(rows, "picture")).tolist() == ["picture", "picture"]
    assert modalities_of(blanked(rows, "sound")).tolist() == ["sound", "sound"]
    assert modalities_of(np.full_like(rows, np.nan)).tolist() == ["", ""]
    whole = clip_scores(np.random.default_rng(0), "a", True, True)
    nothing, spans = np.zeros(0, np.float32), np.zeros((0, 2), np.float32)
    picture = replace(whole, window_scores=nothing, window_spans=spans)
    sound = ClipScores("b", window_scores=whole.window_scores, window_spans=whole.window_spans)
    found = [one.modality for one in (whole, picture, sound, ClipScores("c"))]
    assert found == ["whole", "picture", "sound", "whole"]


def test_a_wanted_prior_takes_the_place_of_the_share_of_each_view() -> None:
    scored = out_of_fold(300, seed=3)
    rows, labels = scored.rows.copy(), scored.labels["overall"]
    only_picture = np.arange(300) % 3 == 0
    only_picture[labels == 1] &= np.arange(300)[labels == 1] % 2 == 0  # fewer fakes than of others
    rows[only_picture] = blanked(rows[only_picture], "picture")
    scored, logits = replace(scored, rows=rows), columns_of(rows, ("overall_fused",))[:, 0]
    found, _ = calibrate_modalities(logits, labels, scored, replace(FAST, prior=0.2))
    for view, here in (("picture", only_picture), ("whole", ~only_picture)):
        by = to_logits(0.2) - to_logits(labels[here].mean())
        assert found[view].shift == pytest.approx(by)
    assert found.keys() == {"whole", "picture"}


def test_a_row_can_be_calibrated_as_if_nothing_was_missing(model: DecisionModel) -> None:
    rows, voice = blanked(out_of_fold(50, seed=7).rows, "sound"), model.outputs["voice"]
    logits = rows[:, list(FEATURES).index("voice_fused")].astype(np.float64)
    for modality in ("whole", "sound", None):
        calibrator = voice.calibrators["fused"][modality or "sound"]
        found = voice.predict(rows, use_stacker=False, modality=modality)
        np.testing.assert_array_equal(found, calibrator(logits))


def shifted_whole(scored: OutOfFold) -> OutOfFold:
    """As a head answers that takes either of two unsure parts for a forged one."""
    rows = scored.rows.copy()
    rows[modalities_of(rows) == "whole", list(FEATURES).index("overall_fused")] += 2
    return replace(scored, rows=rows)


def test_each_view_is_calibrated_by_itself() -> None:
    fit = DecisionFit.fit(
        shifted_whole(three_views(out_of_fold(1000, seed=1))), FAST, use_stacker=False
    )
    new = shifted_whole(three_views(out_of_fold(2000, seed=2)))
    overall = fit.model.outputs["overall"]
    of_whole = replace(
        overall, calibrators={"fused": {"whole": overall.calibrators["fused"]["whole"]}}
    )
    for view in MODALITIES:
        here = modalities_of(new.rows) == view
        labels = new.labels["overall"][here]
        answers = overall.predict(new.rows)[here]
        assert calibration_error(answers, labels) < 0.05, view
        older = of_whole.predict(new.rows)[here]
        assert (calibration_error(older, labels) > 0.1) == (view != "whole"), view


def test_views_of_few_groups_have_the_calibrator_of_all_and_those_of_none_have_none() -> None:
    whole, few = out_of_fold(200, seed=1), out_of_fold(2, seed=2)
    rows = np.concatenate([whole.rows, blanked(few.rows, "sound")])
    scored = replace(
        whole,
        rows=rows,
        clip_ids=[*whole.clip_ids, *few.clip_ids],
        groups=[*whole.groups, *few.groups],
        labels={name: np.append(whole.labels[name], few.labels[name]) for name in whole.labels},
        fold=np.append(whole.fold, few.fold),
    )
    fit = DecisionFit.fit(scored, FAST, use_stacker=False).model
    assert fit.outputs["face"].calibrators["fused"].keys() == {"whole"}
    overall = fit.outputs["overall"]
    assert overall.calibrators["fused"].keys() == {"whole", "sound"}
    picture = blanked(whole.rows, "picture")
    assert np.array_equal(
        overall.predict(picture),
        overall.calibrators["fused"]["whole"](picture[:, list(FEATURES).index("overall_fused")]),
    )


@pytest.mark.parametrize("view", ["picture", "sound"])
@pytest.mark.parametrize("use_stacker", [True, False])
def test_each_view_keeps_its_own_promises_on_new_clips(model, view, use_stacker) -> None:
    new = out_of_fold(2000, seed=2, signal=2)
    labels = new.labels["overall"]
    p = model.assess_rows(blanked(new.rows, view), use_stacker=use_stacker)["overall"]
    rule = model.rule(use_stacker=use_stacker, modality=view)
    assert np.mean(p[labels == 0] > rule.threshold) < 0.08
    covered = np.array([rule.band.contains(one) for one in p])
    # Trees give the same answer to many clips, which can only add to what is covered.
    assert covered[labels == 0, 0].mean() > 0.86
    assert covered[labels == 1, 1].mean() > 0.86


def test_what_is_plain_in_a_view_is_decided_there(model) -> None:
    """The rule of whole clips reads many of these forged faces as unsure."""
    new = out_of_fold(1000, seed=3, signal=2)
    forged = blanked(new.rows[new.labels["face"] == 1], "picture")
    p = model.assess_rows(forged)["overall"]
    own = np.mean([model.rule(modality="picture").decide(one) == "fake" for one in p])
    of_whole = np.mean([model.rule().decide(one) == "fake" for one in p])
    assert own > 0.8
    assert own > of_whole + 0.05


def test_a_modality_that_was_never_seen_is_unsure(model, tmp_path) -> None:
    blind = DecisionFit.fit(out_of_fold(100, signal=3), FAST).model
    assert blind.rule().decide(0.999) == "fake"
    assert {blind.rule(modality="sound").decide(p) for p in (0.001, 0.999)} == {"unsure"}
    model.save(tmp_path)
    assert DecisionModel.load(tmp_path).rules == model.rules

"""What an answer is made of: the sum is the logit that the calibrator got, of every kind."""

import csv
import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stack_simulation import clip_scores, out_of_fold

from avfake.calibration.decision_model import DecisionFit, DecisionModel
from avfake.calibration.features import FEATURES, RULE_COLUMNS, ClipScores
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.stacker import StackConfig
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.labels import OUTPUTS
from avfake.report.evidence import Evidence
from avfake.report.page import render_page
from avfake.report.writing import write_report
from avfake.scoring.files import score_files
from avfake.verdict import Contribution, Verdict

FAST = StackConfig(max_rounds=30, learning_rate=0.1, num_folds=3)


@pytest.fixture(scope="module")
def scored() -> OutOfFold:
    """Fusion and rules see noise, the quantiles and shares the truth: the stacker wins."""
    honest = out_of_fold(240)
    rows, rng = honest.rows.copy(), np.random.default_rng(9)
    for name in FEATURES:
        if name.endswith(("_fused", "_mean", "_confident", "_weighted")):
            rows[:, list(FEATURES).index(name)] = rng.random(len(rows))
    return replace(honest, rows=rows)


@pytest.fixture(scope="module")
def model(scored) -> DecisionModel:
    found = DecisionFit.fit(scored, FAST).model
    assert {one.choice.kept for one in found.outputs.values()} == {"stacker"}
    return found


@pytest.fixture(scope="module")
def judged_by_trees(detector_folder, model, tmp_path_factory) -> Path:
    """The small detector with that judge."""
    folder = tmp_path_factory.mktemp("trees") / "detector"
    replace(Bundle.read(detector_folder), decision_model=model).save(folder)
    return folder


def clips() -> list[ClipScores]:
    rng = np.random.default_rng(5)
    both = [clip_scores(rng, f"c{i}", i % 2 == 0, i % 3 == 0) for i in range(6)]
    nothing = np.zeros(0, np.float32)
    spans = np.zeros((0, 2), np.float32)
    silent = replace(both[0], window_scores=nothing, window_spans=spans, fused={"face": 0.7})
    return [*both, silent]


@pytest.mark.parametrize("rule", ["auto", *RULE_COLUMNS])
@pytest.mark.parametrize("use_stacker", [True, False])
def test_base_and_parts_add_up_to_the_logit_that_was_calibrated(
    scored, model, rule, use_stacker
) -> None:
    if rule != "auto":
        model = DecisionFit.fit(scored, replace(FAST, rule=rule)).model
    for clip in clips():
        sums = model.contributions(clip.row(), use_stacker=use_stacker)
        for output, one in model.outputs.items():
            by = one.choice.kept if use_stacker else "fused"
            p = one.predict(stack_rows(clip), use_stacker=use_stacker)[0]
            if np.isnan(p):
                assert output not in sums
            else:
                assert sums[output].by == by
                logit = sums[output].base + sum(sums[output].parts.values())
                again = one.calibrators[by]["whole"](np.array([logit]))[0]
                assert again == pytest.approx(p, abs=1e-9)


def stack_rows(clip: ClipScores) -> np.ndarray:
    return clip.row()[None]


def test_a_baseline_names_the_score_that_counted_and_the_other_that_it_read(scored) -> None:
    model = DecisionFit.fit(scored, replace(FAST, rule="mean")).model
    clip = clip_scores(np.random.default_rng(0), "a", True, False)
    found = model.contributions(clip.row())["overall"]
    logit = float(np.log(clip.frame_scores.mean() / (1 - clip.frame_scores.mean())))
    assert found.base == 0.0
    assert found.parts == {"face_mean": pytest.approx(logit, abs=1e-4), "voice_mean": 0.0}
    fused = model.contributions(clip.row(), use_stacker=False)["voice"]
    assert (fused.by, list(fused.parts)) == ("fused", ["voice_fused"])


def test_a_detector_tells_the_strongest_of_each_answer(judged_by_trees, studio_root) -> None:
    detector = Detector.from_pretrained(judged_by_trees, device="cpu")
    video = min(studio_root.glob("*.mp4"))
    verdict = detector.predict(video)
    scores = detector.members[0].score_clip(detector.members[0].cut_clip(video))
    sums = detector.members[0].decision_model.contributions(scores.row())
    for output in OUTPUTS:
        mine = [one for one in verdict.contributions if one.output == output]
        assert 0 < len(mine) <= 5
        assert {one.feature: one.logit for one in mine} == sums[output].strongest(len(mine))
        assert [abs(one.logit) for one in mine] == sorted(
            (abs(o.logit) for o in mine), reverse=True
        )
    faces = [o for o in verdict.contributions if o.feature == "face_q50"]
    assert all(o.value == pytest.approx(np.median(scores.frame_scores)) for o in faces)
    assert Verdict.from_json(verdict.to_json()) == verdict
    silent = detector.predict(video, PredictOptions(use_audio=False))
    assert {one.output for one in silent.contributions} == {"overall", "face"}
    assert "NaN" not in silent.to_json()
    plain = detector.predict(video, PredictOptions(use_stacker=False)).contributions
    assert [(one.feature, one.by) for one in plain] == [(f"{o}_fused", "fused") for o in OUTPUTS]


def test_page_and_table_show_them(judged_by_trees, studio_root, tmp_path) -> None:
    detector = Detector.from_pretrained(judged_by_trees, device="cpu")
    video = min(studio_root.glob("*.mp4"))
    verdict = write_report(video, detector, tmp_path / "page.html")
    text = html.unescape((tmp_path / "page.html").read_text())
    for one in verdict.contributions:
        assert f'<th scope="row">{FEATURES[one.feature]}</th>' in text
        assert f"<td>{one.logit:+.2f}</td>" in text
    assert "A sum over many features" in text
    score_files([video], str(judged_by_trees), tmp_path / "scores.csv", workers=0)
    with (tmp_path / "scores.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    overall = [one for one in verdict.contributions if one.output == "overall"]
    assert row["contributions"] == "; ".join(f"{o.feature} {o.logit:+.2f}" for o in overall)


def test_the_page_says_plainly_what_a_baseline_read() -> None:
    made = (
        Contribution("overall", "voice_mean", 0.9, 2.2, "mean"),
        Contribution("overall", "face_mean", None, 0.0, "mean"),
        Contribution("face", "face_fused", 1.0, 1.0, "fused"),
    )
    verdict = Verdict("a", "unsure", 0.8, 0.8, 0.5, "ok", contributions=made)
    text = html.unescape(render_page(Evidence(verdict)))
    assert "The score by the rule 'mean', and nothing else; of face and voice the higher" in text
    assert "raised to that of its more suspicious part" in text
    assert "<td>missing</td>" in text
    assert "said, and nothing else" in text
    rare = replace(verdict, prior=0.01, trained_prior=0.8)
    assert "raised" not in render_page(Evidence(rare))

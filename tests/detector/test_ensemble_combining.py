"""Many answers to one: closed forms, no order, no invented 0.5, reasons kept."""

from dataclasses import replace

import numpy as np
import pytest

from avfake.calibration.decision_rule import ConformalBand, DecisionRule
from avfake.calibration.probabilities import RULES
from avfake.detector.combining import combine_columns, combine_outputs, combine_verdicts
from avfake.detector.detector import Detector
from avfake.errors import ConfigError, Reason
from avfake.verdict import FaceScore, Person, Verdict, VoiceScore

NAN = np.nan
BOX = (0.0, 0.0, 10.0, 10.0)


def verdict(p: float | None, decision: str = "unsure", **changes: object) -> Verdict:
    status = "failed" if p is None else "ok"
    return replace(Verdict("a.mp4", decision, p, p, None, status), **changes)  # type: ignore[arg-type]


def test_rules_over_members_follow_their_closed_forms() -> None:
    scores = np.array([[0.1, 0.4, 0.9], [0.5, NAN, 0.8], [NAN, NAN, NAN]])
    assert combine_columns(scores, "mean")[:2] == pytest.approx([1.4 / 3, 0.65])
    assert combine_columns(scores, "geometric_mean")[:2] == pytest.approx(
        [0.036 ** (1 / 3), 0.4**0.5]
    )
    assert combine_columns(scores, "logit_mean")[1] == pytest.approx(2 / 3)  # odds 1 and 4, so 2
    for rule in (*RULES, "rank_mean"):
        assert np.isnan(combine_columns(scores, rule)).tolist() == [False, False, True]


@pytest.mark.parametrize("rule", [*RULES, "rank_mean"])
def test_the_order_of_the_members_does_not_matter(rule: str) -> None:
    scores = np.random.default_rng(0).random((20, 7))
    scores[scores > 0.9] = NAN
    shuffled = scores[:, np.random.default_rng(1).permutation(7)]
    np.testing.assert_array_equal(combine_columns(scores, rule), combine_columns(shuffled, rule))


def test_the_rank_mean_ignores_the_scale_of_a_member() -> None:
    first = np.array([0.1, 0.2, 0.3, 0.4])
    second = np.array([0.7, 0.5, 0.5, NAN])
    expected = [
        (0.125 + 2.5 / 3) / 2,  # lowest of four and highest of three
        (0.375 + 1 / 3) / 2,  # ties share the mean of ranks 1 and 2
        (0.625 + 1 / 3) / 2,
        0.875,
    ]
    combined = combine_columns(np.stack([first, second], axis=1), "rank_mean")
    assert combined == pytest.approx(expected)
    squashed = combine_columns(np.stack([first**9, second], axis=1), "rank_mean")
    np.testing.assert_array_equal(squashed, combined)


def test_the_overall_answer_is_never_below_its_parts_but_ranks_do_not_compare() -> None:
    answers = {
        "overall": np.array([[0.9, 0.2], [0.3, 0.2]]),
        "face": np.array([[0.9, NAN], [NAN, NAN]]),
        "voice": np.array([[0.1, 0.2], [NAN, NAN]]),
    }
    assert combine_outputs(answers, "mean")["overall"] == pytest.approx([0.9, 0.25])
    assert combine_outputs(answers, "rank_mean")["overall"] == pytest.approx([0.625, 0.375])


def test_an_unknown_rule_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'rank_mean'"):
        combine_columns(np.zeros((1, 2)), "rank-mean")
    with pytest.raises(ConfigError, match="scores of all files at once"):
        Detector.from_pretrained(("a", "b"), combine="rank_mean")
    with pytest.raises(ConfigError, match="no detector was named"):
        Detector.from_pretrained(())
    with pytest.raises(ConfigError, match="counts once in an ensemble; twice: a"):
        Detector.from_pretrained(("a", "b", "a"))


def test_a_member_that_failed_silences_itself_and_its_reason_stays() -> None:
    failed = verdict(None, reasons=(Reason("face", "no_face"),))
    both = combine_verdicts([verdict(0.9, "fake"), failed], "mean")
    assert (both.p_fake, both.p_face_fake, both.p_voice_fake) == (0.9, 0.9, None)
    assert both.decision == "fake"
    assert both.status == "partial"
    assert [reason.short for reason in both.reasons] == ["face:no_face (1 of 2 detectors)"]


def test_all_failing_is_no_probability_and_never_a_half() -> None:
    reason = Reason("file", "not_media", "no header")
    failed = verdict(None, reasons=(reason,))
    for rule in RULES:
        none = combine_verdicts([failed, failed], rule)
        assert (none.p_fake, none.p_face_fake, none.p_voice_fake) == (None, None, None)
        assert (none.status, none.decision, none.reasons) == ("failed", "unsure", (reason,))
    with pytest.raises(ConfigError, match="at least one verdict"):
        combine_verdicts([], "mean")


@pytest.mark.parametrize(
    ("decisions", "together"),
    [
        (["fake", "fake", "fake"], "fake"),
        (["real", "real"], "real"),
        (["fake", "fake", "unsure"], "unsure"),
        (["fake", "real"], "unsure"),
    ],
)
def test_without_held_out_answers_the_members_must_agree(
    decisions: list[str], together: str
) -> None:
    verdicts = [verdict(0.6, decision) for decision in decisions]
    combined = combine_verdicts(verdicts, "mean")
    assert combined.decision == together
    assert combined.operating_point is None


def test_a_fitted_rule_decides_by_the_combined_probability() -> None:
    rule = DecisionRule(0.5, 0.05, ConformalBand(0.4, 0.6, 0.9))
    verdicts = [verdict(0.9, "real"), verdict(0.5, "real")]
    combined = combine_verdicts(verdicts, "mean", decision=rule)
    assert combined.decision == "fake"
    assert combined.operating_point is not None
    assert combined.operating_point.threshold == 0.5


def person(*p_fakes: float) -> Person:
    frames = tuple(FaceScore(float(i), BOX, p) for i, p in enumerate(p_fakes))
    return Person(0, float(np.mean(p_fakes)), frames)


def test_timelines_are_combined_over_members_that_looked_at_the_same() -> None:
    window, other = (0.0, 2.0), (0.0, 1.0)
    verdicts = [
        verdict(0.5, persons=(person(0.2, 0.4),), voice=(VoiceScore(*window, 0.2),)),
        verdict(0.5, persons=(person(0.9, 0.9, 0.9),), voice=(VoiceScore(*window, 0.6),)),
        verdict(0.5, persons=(person(0.4, 0.8),), voice=(VoiceScore(*other, 0.9),)),
        verdict(None),
    ]
    combined = combine_verdicts(verdicts, "mean")
    (seen,) = combined.persons
    assert [face.p_fake for face in seen.frames] == pytest.approx([0.3, 0.6])
    assert seen.p_face_fake == pytest.approx(0.45)
    assert [one.p_fake for one in combined.voice] == pytest.approx([0.4])
    assert combined.voice[0].end_seconds == 2.0
    assert Verdict.from_json(combined.to_json()) == combined

"""Forged stretches out of timelines whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from avfake.detector.timeline import (
    SegmentConfig,
    around_instants,
    face_segments,
    find_segments,
    under_windows,
    voice_segments,
    within_spans,
)
from avfake.errors import ConfigError
from avfake.labels import OperatingPoint
from avfake.verdict import FaceScore, Person, Segment, Verdict, VoiceScore

PLAIN = SegmentConfig(min_seconds=0, max_gap_seconds=0)


def steps(*scores: float) -> list[Segment]:
    """A timeline of one score a second."""
    return [Segment(i, i + 1, score) for i, score in enumerate(scores)]


def spans(segments: tuple[Segment, ...]) -> list[tuple[float, float]]:
    return [(one.start_seconds, one.end_seconds) for one in segments]


def overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    shared = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    return shared / (first[1] - first[0] + second[1] - second[0] - shared)


def test_a_segment_starts_high_and_goes_on_until_it_is_low() -> None:
    timeline = steps(0.1, 0.5, 0.9, 0.45, 0.5, 0.3, 0.5, 0.1)
    (segment,) = find_segments(timeline, PLAIN)
    # From 1 s, for 0.5 is enough to go on; the 0.5 at 6 s never was high.
    assert segment == Segment(1, 5, pytest.approx((0.5 + 0.9 + 0.45 + 0.5) / 4))


def test_near_segments_are_one_and_its_score_counts_the_gap() -> None:
    timeline = [Segment(0, 2, 0.9), Segment(2, 2.2, 0.0), Segment(2.2, 3, 0.8), Segment(3, 4, 0.1)]
    assert spans(find_segments(timeline, PLAIN)) == [(0, 2), (2.2, 3)]
    (segment,) = find_segments(timeline, replace(PLAIN, max_gap_seconds=0.2))
    assert spans((segment,)) == [(0, 3)]
    assert segment.score == pytest.approx((2 * 0.9 + 0.8 * 0.8) / 3, abs=1e-4)


def test_what_is_too_short_is_noise_unless_it_is_all_there_is() -> None:
    config = replace(PLAIN, min_seconds=1.5)
    assert find_segments(steps(0.1, 0.9, 0.1), config) == ()
    assert spans(find_segments(steps(0.9), config)) == [(0, 1)]


def test_no_timeline_no_segment() -> None:
    assert find_segments([]) == ()
    assert face_segments([FaceScore(1.0, (0, 0, 9, 9), 0.99)]) == ()
    assert voice_segments([]) == ()


def test_a_frame_speaks_for_the_time_half_way_to_its_neighbours() -> None:
    pieces = around_instants([0.5, 1.5, 3.5], [0.1, 0.2, 0.3])
    assert pieces == [Segment(0, 1, 0.1), Segment(1, 2.5, 0.2), Segment(2.5, 4.5, 0.3)]


def test_sampled_frames_find_a_forged_face_to_half_a_step() -> None:
    seconds = (np.arange(32) + 0.5) * 10 / 32
    rng = np.random.default_rng(3)
    for _ in range(50):
        length = rng.uniform(1, 3)
        start = rng.uniform(0, 10 - length)
        forged = (seconds > start) & (seconds < start + length)
        frames = [
            FaceScore(float(t), (0, 0, 9, 9), 0.9 if f else 0.1)
            for t, f in zip(seconds, forged, strict=True)
        ]
        ((found_start, found_end),) = spans(face_segments(frames))
        assert abs(found_start - start) <= 10 / 64 + 1e-3
        assert abs(found_end - (start + length)) <= 10 / 64 + 1e-3


def test_an_instant_of_sound_has_the_least_score_of_its_windows() -> None:
    pieces = under_windows([(0, 2), (1, 3), (2, 4)], [0.1, 0.8, 0.9])
    assert pieces == [
        Segment(0, 1, 0.1),
        Segment(1, 2, 0.1),
        Segment(2, 3, 0.8),
        Segment(3, 4, 0.9),
    ]


def test_windows_that_touch_a_forged_stretch_do_not_lengthen_it() -> None:
    """Windows as they are labelled in training: forged if they share any of it."""
    starts = np.arange(0, 9.01, 0.5)
    windows = [
        VoiceScore(float(s), float(s) + 1, 0.95 if s < 5.3 and s + 1 > 3.2 else 0.05)
        for s in starts
    ]
    assert spans(voice_segments(windows)) == [(3, 5.5)]
    touched = max(w.end_seconds for w in windows if w.p_fake > 0.5)
    assert touched == 6.0  # half a second more than was found


def test_windows_find_a_forged_voice_on_the_whole() -> None:
    starts = np.arange(0, 9.01, 0.5)
    rng, overlaps = np.random.default_rng(5), []
    for _ in range(200):
        length = rng.uniform(1, 3)
        start = rng.uniform(0, 10 - length)
        touch = (starts < start + length) & (starts + 1 > start)
        windows = [
            VoiceScore(float(s), float(s) + 1, 0.9 if t else 0.1)
            for s, t in zip(starts, touch, strict=True)
        ]
        found = spans(voice_segments(windows))
        overlaps.append(max(overlap(one, (start, start + length)) for one in found))
    assert np.mean(overlaps) > 0.75


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"start_threshold": 0.3, "end_threshold": 0.5}, "0 <= end <= start <= 1"),
        ({"start_threshold": 1.2}, "start_threshold is 1.2"),
        ({"min_seconds": -1.0}, "must not be negative"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SegmentConfig(**wrong)


def two_persons() -> Verdict:
    frames = (FaceScore(0.5, (0.0, 0.0, 9.0, 9.0), 0.9),)
    persons = (
        Person(0, 0.1, frames),
        Person(1, 0.9, frames, (Segment(2.1, 4.0, 0.9), Segment(6.0, 7.04, 0.8))),
    )
    return Verdict(
        "a.mp4", "fake", 0.9, 0.9, 0.8, "ok", (), persons, voice_segments=(Segment(1, 2, 0.7),)
    )


def test_a_verdict_names_who_was_forged_and_when() -> None:
    text = str(replace(two_persons(), operating_point=OperatingPoint(0.7, 0.05, 0.95)))
    assert "face of person 1 forged 2.1-4.0 s, 6.0-7.0 s" in text
    assert "voice forged 1.0-2.0 s" in text
    assert "most suspicious of 2 persons: person 1 (score 90.0 %)" in text
    suspect = two_persons().suspect
    assert suspect is not None
    assert suspect.person_id == 1
    assert replace(two_persons(), persons=()).suspect is None


def test_a_part_that_the_decision_is_not_about_only_stands_out() -> None:
    assert "face of person 1 forged" in str(two_persons())
    assert "voice stands out at 1.0-2.0 s" in str(two_persons())
    unsure = str(replace(two_persons(), decision="unsure"))
    assert "face of person 1 stands out at 2.1-4.0 s" in unsure
    assert "forged 2.1" not in unsure


def test_a_genuine_file_is_not_said_to_be_forged_somewhere() -> None:
    assert "forged" not in str(replace(two_persons(), decision="real"))


def test_segments_survive_json() -> None:
    assert Verdict.from_json(two_persons().to_json()) == two_persons()


def test_a_segment_does_not_reach_over_the_pauses_of_its_windows() -> None:
    (segment,) = voice_segments([VoiceScore(0.0, 9.0, 0.9), VoiceScore(1.0, 10.0, 0.9)])
    assert (segment.start_seconds, segment.end_seconds) == (0.0, 10.0)
    found = within_spans([segment], [[0.5, 1.0], [1.2, 2.0], [8.0, 12.0]])
    assert spans(found) == [(0.5, 2.0), (8.0, 10.0)]
    assert [one.score for one in found] == [segment.score] * 2
    assert within_spans([segment], []) == ()

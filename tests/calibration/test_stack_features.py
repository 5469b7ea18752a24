import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from avfake.calibration.features import (
    FEATURES,
    MONOTONE,
    OUTPUT_FEATURES,
    SYNC_STATISTICS,
    VOICE_STATISTICS,
    ClipScores,
)

TWO_PEOPLE = ClipScores(
    "two",
    frame_scores=np.array([0.1, 0.9, 0.3, 0.7], np.float32),
    frame_persons=np.array([0, 1, 0, 1]),
    frame_seconds=np.array([0, 0, 2, 2], np.float32),
    face_px=np.array([100, 60, 110, 70], np.float32),
    face_confidences=np.array([1, 0.9, 1, 0.9], np.float32),
    num_frames_sampled=4,
    window_scores=np.array([0.2, 0.4, 0.6], np.float32),
    window_spans=np.array([[0, 2], [1, 3], [2, 4]], np.float32),
    fused={"overall": 0.5, "face": 0.75, "voice": None},
    voice_statistics={"rms_mean": 0.25, "silence_share": 0.5},
)


def named(scores: ClipScores) -> dict[str, float]:
    return dict(zip(FEATURES, scores.row().tolist(), strict=True))


def test_every_statistic_of_two_people_is_as_computed_by_hand() -> None:
    row = named(TWO_PEOPLE)
    expected = {
        "face_mean": 0.5,
        "face_std": np.sqrt((0.16 + 0.16 + 0.04 + 0.04) / 4),
        "face_q50": 0.5,
        "face_q25": 0.25,
        "face_q75": 0.75,
        "face_max": 0.9,
        "face_share_high": 0.25,
        "face_share_low": 0.25,
        "face_longest_run": 1.0,  # the second person is above .5 throughout
        "face_slope": 0.0,
        "face_weighted": 0.5,
        "face_person_max": 0.8,
        "face_person_min": 0.2,
        "face_fused": np.log(3),
        "face_px": 85,
        "face_confidence": 0.95,
        "face_coverage": 0.5,  # two of four sampled frames
        "num_people": 2,
        "voice_mean": 0.4,
        "voice_q10": 0.24,
        "voice_q90": 0.56,
        "voice_slope": 0.2,
        "voice_longest_run": 1 / 3,
        "overall_fused": 0.0,
        "disagreement": 0.1,
        "sound_rms_mean": 0.25,
        "sound_silence_share": 0.5,
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, abs=1e-6), name
    assert np.isnan(row["voice_fused"])
    assert np.isnan(row["sound_centroid_mean"])


def test_a_run_is_found_in_time_order_whatever_the_order_of_the_rows() -> None:
    shuffled = ClipScores(
        "a",
        frame_scores=np.array([0.9, 0.1, 0.9, 0.9], np.float32),
        frame_persons=np.zeros(4, np.int64),
        frame_seconds=np.array([0, 3, 2, 1], np.float32),
        face_px=np.ones(4, np.float32),
        face_confidences=np.ones(4, np.float32),
    )
    assert named(shuffled)["face_longest_run"] == 0.75
    assert np.isnan(named(shuffled)["face_coverage"])


def test_a_missing_modality_is_nan_in_all_its_columns_and_leaves_the_other_alone() -> None:
    both = named(TWO_PEOPLE)
    no_sound = replace(
        TWO_PEOPLE,
        window_scores=np.zeros(0, np.float32),
        window_spans=np.zeros((0, 2), np.float32),
    )
    row = named(no_sound)
    # Statistics of a sound that is switched off must not slip through.
    assert all(np.isnan(row[name]) for name in [*OUTPUT_FEATURES["voice"], "disagreement"])
    assert all(row[name] == both[name] for name in OUTPUT_FEATURES["face"])
    assert np.isnan(ClipScores("nothing").row()).all()


def test_what_sync_says_stands_at_the_end_for_the_whole_file_alone() -> None:
    said = {"sync_confidence": 0.5, "sync_offset": -0.3, "sync_similarity": 0.1, "sync_entropy": 2}
    row = replace(TWO_PEOPLE, sync_statistics=said).row()
    assert row[-4:].tolist() == pytest.approx(list(said.values()))
    assert list(FEATURES)[-4:] == list(SYNC_STATISTICS) == list(said)
    without = TWO_PEOPLE.row()
    np.testing.assert_array_equal(row[:-4], without[:-4])
    assert np.isnan(without[-4:]).all()
    for part in ("face", "voice"):
        assert not set(OUTPUT_FEATURES[part]) & set(said)


def test_one_frame_gives_a_row_without_a_slope() -> None:
    one = ClipScores(
        "one",
        frame_scores=np.array([0.6], np.float32),
        frame_persons=np.array([0]),
        frame_seconds=np.array([1], np.float32),
        face_px=np.array([50], np.float32),
        face_confidences=np.array([1], np.float32),
        num_frames_sampled=1,
    )
    row = named(one)
    assert row["face_mean"] == row["face_max"] == row["face_q10"] == np.float32(0.6)
    assert row["face_std"] == 0
    assert np.isnan(row["face_slope"])


def test_the_face_answer_sees_no_sound_and_the_voice_answer_no_face() -> None:
    face, voice = set(OUTPUT_FEATURES["face"]), set(OUTPUT_FEATURES["voice"])
    assert not face & voice
    assert not {name for name in face if name.startswith(("voice", "sound"))}
    assert not {name for name in voice if name.startswith(("face", "num_people"))}
    assert set(OUTPUT_FEATURES["overall"]) == set(FEATURES)
    assert len(VOICE_STATISTICS) == 13
    assert set(MONOTONE) <= set(FEATURES)


def test_scores_that_are_no_probabilities_or_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="window_scores must lie in"):
        ClipScores("a", window_scores=np.array([1.5]), window_spans=np.zeros((1, 2)))
    with pytest.raises(ValueError, match="window_scores must lie in"):
        ClipScores("a", window_scores=np.array([np.nan]), window_spans=np.zeros((1, 2)))
    with pytest.raises(ValueError, match="fused must lie in"):
        ClipScores("a", fused={"face": 2.0})
    with pytest.raises(ValueError, match="frame_persons must be"):
        ClipScores("a", frame_scores=np.array([0.5]))


def test_the_room_imports_nothing_heavy() -> None:
    code = (
        "import avfake.calibration, avfake.evaluation, sys;"
        "print([m for m in ('sklearn', 'scipy', 'lightgbm', 'torch') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

"""What is said of face and of voice: never more than the decision on the file allows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.calibration.decision_model import DecisionModel
from avfake.calibration.decision_rule import ConformalBand, DecisionRule
from avfake.detector.bundle import Bundle
from avfake.detector.combining import combine_verdicts
from avfake.detector.detector import Detector
from avfake.labels import MODALITIES
from avfake.media.writing import write_video
from avfake.verdict import Verdict

RULE = DecisionRule(0.8, 0.05, ConformalBand(0.6, 0.3, 0.9))
"""Fake from 0.8 on, real below 0.3."""


def answering(bundle: Bundle, **p: float | None) -> Detector:
    """Return a detector that gives these probabilities under `RULE`."""

    class Fixed(DecisionModel):
        def assess(self, row: np.ndarray, *, use_stacker: bool = True) -> dict[str, float | None]:
            return {"overall": None, "face": None, "voice": None, **p}

    model = bundle.decision_model
    rules = {"kept": dict.fromkeys(MODALITIES, RULE)}
    fixed = Fixed(model.outputs, {}, rules, {"face": RULE, "voice": RULE})
    return Detector(replace(bundle, decision_model=fixed))


@pytest.fixture(scope="module")
def bundle(detector_folder: Path) -> Bundle:
    return Bundle.read(detector_folder)


@pytest.fixture(scope="module")
def video(studio_root: Path) -> Path:
    return sorted(studio_root.glob("*.mp4"))[0]


@pytest.mark.parametrize(
    ("overall", "face", "voice", "expected"),
    [
        (0.95, 0.95, 0.1, ("fake", "fake", "real")),
        (0.95, 0.5, 0.95, ("fake", "unsure", "fake")),
        (0.95, 0.9, 0.95, ("fake", "fake", "fake")),
        (0.85, 0.7, 0.6, ("fake", "fake", "unsure")),  # the more suspicious of the two
        (0.7, 0.7, 0.1, ("unsure", "unsure", "real")),
        (0.5, 0.9, 0.4, ("unsure", "unsure", "unsure")),  # no part beyond the whole
        (0.2, 0.2, 0.1, ("real", "real", "real")),
        (0.95, None, 0.95, ("fake", None, "fake")),
    ],
)
def test_decisions_on_the_parts_agree_with_that_on_the_file(
    bundle: Bundle,
    video: Path,
    overall: float,
    face: float | None,
    voice: float,
    expected: tuple[str | None, ...],
) -> None:
    verdict = answering(bundle, overall=overall, face=face, voice=voice).predict(video)
    assert (verdict.decision, verdict.face_decision, verdict.voice_decision) == expected
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_the_words_name_the_forged_part(bundle: Bundle, video: Path) -> None:
    detector = answering(bundle, overall=0.98, face=0.5, voice=0.98)
    lines = str(detector.predict(video)).splitlines()
    assert "fake (probability of forgery 98.0 %" in lines[0]
    assert lines[1].strip() == "the face could not be told; the voice is forged"
    sure = answering(bundle, overall=0.1, face=0.1, voice=0.1)
    assert "could not" not in str(sure.predict(video))


def test_a_picture_without_a_face_is_never_real(
    bundle: Bundle, video: Path, tmp_path: Path
) -> None:
    from avfake.media.sound import read_sound

    grey = (np.full((90, 120, 3), 128, np.uint8) for _ in range(25))
    sound = read_sound(video).waveform()
    write_video(tmp_path / "grey.mp4", grey, fps=25, waveform=sound)
    verdict = answering(bundle, overall=0.1, voice=0.1).predict(tmp_path / "grey.mp4")
    assert "face:no_face" in [str(reason).split("(")[0].strip() for reason in verdict.reasons]
    assert verdict.decision == "unsure"


def test_an_ensemble_says_of_a_part_what_all_members_say(bundle: Bundle, video: Path) -> None:
    first, second = (
        answering(bundle, overall=0.95, face=face, voice=0.95).predict(video) for face in (0.1, 0.5)
    )
    both = combine_verdicts([first, second], "mean")
    assert (both.face_decision, both.voice_decision) == ("unsure", "fake")
    assert combine_verdicts([first, first], "mean").face_decision == "real"

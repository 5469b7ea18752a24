"""How much is spent on a file, and that what is left out changes no sure decision."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.calibration.decision_rule import ConformalBand, DecisionRule
from avfake.detector import profiles
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.errors import ConfigError
from avfake.labels import MODALITIES
from avfake.media.writing import write_video
from avfake.verdict import Spent

ALWAYS_FAKE = DecisionRule(0.0, 0.05, ConformalBand(-1.0, 0.0, 0.9))
ALWAYS_REAL = DecisionRule(1.0, 0.05, ConformalBand(1.0, 2.0, 0.9))
NEVER_SURE = DecisionRule(1.0, 0.05, ConformalBand(None, None, 0.9))


@pytest.fixture(scope="module")
def bundle(detector_folder: Path) -> Bundle:
    return Bundle.read(detector_folder)


@pytest.fixture(scope="module")
def videos(studio_root: Path) -> list[Path]:
    return sorted(studio_root.glob("*.mp4"))


@pytest.fixture
def few_are_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "FEW_CROPS", 0.75)


def ruled(bundle: Bundle, rule: DecisionRule) -> Detector:
    model = bundle.decision_model
    rules = {kind: dict.fromkeys(MODALITIES, rule) for kind in ("kept", "fused")}
    outputs = {name: replace(one, stacker=None) for name, one in model.outputs.items()}
    return Detector(replace(bundle, decision_model=replace(model, rules=rules, outputs=outputs)))


def test_a_voice_that_makes_the_file_a_fake_ends_a_fast_prediction(
    bundle: Bundle, videos: list[Path]
) -> None:
    detector = ruled(bundle, ALWAYS_FAKE)
    fast = detector.predict(videos[0], profile="fast", use_stacker=False)
    assert fast.decision == "fake"
    assert fast.p_face_fake is None
    assert [str(reason) for reason in fast.reasons] == ["face:skipped"]
    assert fast.status == "ok"
    assert (fast.spent.frames, fast.spent.crops) == (0, 0)
    assert fast.spent.windows > 0


def test_a_third_of_the_crops_may_be_enough(
    bundle: Bundle, videos: list[Path], few_are_three: None
) -> None:
    detector = ruled(bundle, ALWAYS_REAL)
    fast, balanced = (detector.predict(videos[0], profile=p) for p in ("fast", "balanced"))
    assert fast.decision == balanced.decision == "real"
    assert (fast.spent.crops, balanced.spent.crops) == (3, 4)
    assert len(fast.persons[0].frames) == 3
    known = {frame.seconds: frame for frame in balanced.persons[0].frames}
    for frame in fast.persons[0].frames:
        assert frame.box == known[frame.seconds].box
        assert frame.p_fake == pytest.approx(known[frame.seconds].p_fake, abs=1e-5)


def test_an_unsure_answer_rests_on_everything(
    bundle: Bundle, videos: list[Path], few_are_three: None
) -> None:
    detector = ruled(bundle, NEVER_SURE)
    assert detector.predict(videos[0], profile="fast") == detector.predict(videos[0])


@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.5, 0.6, 0.8])
def test_no_sure_decision_depends_on_the_profile(
    bundle: Bundle, videos: list[Path], few_are_three: None, threshold: float
) -> None:
    rule = DecisionRule(threshold, 0.05, ConformalBand(threshold, threshold, 0.9))
    detector = ruled(bundle, rule)
    for video in videos[:4]:
        balanced = detector.predict(video)
        for profile in ("fast", "thorough"):
            found = detector.predict(video, profile=profile)
            assert balanced.decision in ("unsure", found.decision)


def test_thorough_reads_more_frames_where_it_is_unsure(bundle: Bundle, videos: list[Path]) -> None:
    detector = ruled(bundle, NEVER_SURE)
    balanced, thorough = (
        detector.predict(videos[0]),
        detector.predict(videos[0], profile="thorough"),
    )
    assert (balanced.spent.frames, thorough.spent.frames) == (4, 8)
    assert thorough.spent.crops > balanced.spent.crops
    sure = ruled(bundle, ALWAYS_REAL)
    assert sure.predict(videos[0], profile="thorough") == sure.predict(videos[0])


def test_silent_and_faceless_files_are_answered_in_every_profile(
    bundle: Bundle, tmp_path: Path
) -> None:
    grey = tmp_path / "grey.mp4"
    write_video(grey, np.full((30, 96, 96, 3), 90, np.uint8), fps=10)
    found = [Detector(bundle).predict(grey, profile=p) for p in ("fast", "balanced", "thorough")]
    assert len({str(one) for one in found}) == 1
    assert found[0].status == "failed"
    assert found[0].spent == Spent(4, 0, 0)


def test_a_profile_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"profile must be one of fast.*did you mean 'fast'"):
        PredictOptions(profile="fastest")

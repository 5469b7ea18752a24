"""Several bundles as one detector: opened by the same calls, cut once for each way of cutting."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from speaking import speech

from avfake.calibration.calibrators import Calibrator
from avfake.calibration.curves import PlattCurve
from avfake.cli.main import main
from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.ensemble import fit_decision, write_ensemble
from avfake.detector.options import PredictOptions
from avfake.errors import BundleError, ConfigError
from avfake.media.writing import write_audio
from avfake.training.plan import gather
from avfake.training.results import measure


def with_slope(bundle: Bundle, slope: float) -> Bundle:
    """The same scores, calibrated otherwise: a member with an opinion of its own."""
    outputs = {
        name: replace(
            one,
            calibrators={
                name: {"whole": Calibrator(PlattCurve(slope, 0.3))} for name in one.calibrators
            },
        )
        for name, one in bundle.decision_model.outputs.items()
    }
    return replace(bundle, decision_model=replace(bundle.decision_model, outputs=outputs))


@pytest.fixture(scope="module")
def names(detector_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A detector, one that is calibrated otherwise, and one that looks at fewer frames."""
    folder = tmp_path_factory.mktemp("members")
    bundle = Bundle.read(detector_folder)
    with_slope(bundle, 1.0).save(folder / "plain")
    with_slope(bundle, 5.0).save(folder / "louder")
    fewer = replace(bundle.spec, clip=replace(bundle.spec.clip, num_frames=3))
    replace(with_slope(bundle, 0.2), spec=fewer).save(folder / "fewer")
    return tuple(str(folder / name) for name in ("plain", "louder", "fewer"))


@pytest.fixture(scope="module")
def video(studio_root: Path) -> Path:
    return sorted(studio_root.glob("*.mp4"))[0]


def open_ensemble(names: Sequence[str], rule: str = "geometric_mean") -> Detector:
    return Detector.from_pretrained(names, combine=rule, device="cpu")


def test_each_output_is_combined_over_the_members(names: tuple[str, ...], video: Path) -> None:
    alone = [Detector.from_pretrained(name, device="cpu").predict(video) for name in names]
    together = open_ensemble(names).predict(video)
    faces = np.array([one.p_face_fake for one in alone], np.float64)
    assert len(set(faces)) == 3
    assert together.p_face_fake == pytest.approx(float(np.exp(np.log(faces).mean())))
    assert together.status == "ok"
    assert all(name in together.detector for name in names)
    again = open_ensemble(names[::-1]).predict(video)
    assert again.p_fake == together.p_fake


def test_a_file_is_cut_once_for_each_way_of_cutting(
    names: tuple[str, ...], video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    real = Bundle.cut_clip

    def counted(self: Bundle, path: Path) -> Clip:
        cut.append(self.spec.clip.num_frames)
        return real(self, path)

    monkeypatch.setattr(Bundle, "cut_clip", counted)
    verdict = open_ensemble(names).predict(video)
    assert sorted(cut) == [3, 4]
    assert len(verdict.persons[0].frames) == 4  # the two that look alike outnumber the third


def test_a_file_that_cannot_be_read_is_failed_with_its_reason(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "words.mp4").write_text("not a video")
    verdict = open_ensemble(names).predict(tmp_path / "words.mp4")
    assert (verdict.p_fake, verdict.status, verdict.decision) == (None, "failed", "unsure")
    assert [str(reason) for reason in verdict.reasons] == ["file:not_media"]


def test_a_member_that_never_learned_the_voice_leaves_it_to_the_others(
    names: tuple[str, ...], tmp_path: Path, video: Path
) -> None:
    bundle = Bundle.read(names[0])
    outputs = {name: one for name, one in bundle.decision_model.outputs.items() if name != "voice"}
    decision_model = replace(
        bundle.decision_model, outputs=outputs, not_trained={"voice": "no labels"}
    )
    replace(bundle, decision_model=decision_model).save(tmp_path / "deaf")
    verdict = open_ensemble([str(tmp_path / "deaf"), names[1]]).predict(video)
    alone = Detector.from_pretrained(names[1], device="cpu").predict(video)
    assert verdict.p_voice_fake == pytest.approx(alone.p_voice_fake)
    assert [one.p_fake for one in verdict.voice] == pytest.approx([o.p_fake for o in alone.voice])
    assert [reason.short for reason in verdict.reasons] == [
        "voice:not_trained (no labels; 1 of 2 detectors)"
    ]
    assert verdict.status == "ok"


def test_switches_and_sound_files_work_as_with_one(names: tuple[str, ...], tmp_path: Path) -> None:
    write_audio(tmp_path / "voice.wav", speech(2.0))
    detector = open_ensemble(names)
    verdict = detector.predict(tmp_path / "voice.wav")
    assert verdict.p_face_fake is None
    assert verdict.p_voice_fake is not None
    assert [str(reason) for reason in verdict.reasons] == ["face:no_video"]
    deaf = detector.predict(tmp_path / "voice.wav", PredictOptions(use_audio=False))
    assert deaf.p_fake is None


def test_a_written_ensemble_opens_and_answers_like_its_members(
    names: tuple[str, ...], video: Path, tmp_path: Path
) -> None:
    write_ensemble(tmp_path / "ensemble", names, "geometric_mean")
    write_ensemble(tmp_path / "ensemble", names, "geometric_mean")  # over itself
    moved = (tmp_path / "ensemble").rename(tmp_path / "moved")
    opened = Detector.from_pretrained(moved, device="cpu")
    assert len(opened.members) == len(names)
    assert opened.predict(video).p_fake == open_ensemble(names).predict(video).p_fake
    with pytest.raises(BundleError, match="has format ensemble-1"):
        Bundle.read(moved)
    with pytest.raises(ConfigError, match="is an ensemble itself"):
        write_ensemble(tmp_path / "nested", (str(moved), names[0]))
    with pytest.raises(ConfigError, match="is an ensemble itself"):
        open_ensemble([str(moved), names[0]])
    with (moved / "members/1/calibration.json").open("a") as file:
        file.write(" ")
    with pytest.raises(BundleError, match=r"calibration\.json differ from their checksums"):
        Detector.from_pretrained(moved)
    (moved / "members/1/checksums.json").write_text("{}")
    with pytest.raises(BundleError, match=r"members/1/checksums\.json differ"):
        Detector.from_pretrained(moved)


def test_nothing_else_is_overwritten(names: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("precious")
    with pytest.raises(ConfigError, match="is no ensemble; give another folder"):
        write_ensemble(tmp_path, names)
    with pytest.raises(ConfigError, match="is no ensemble; give another folder"):
        write_ensemble(Path(names[0]), names)
    assert (tmp_path / "kept.txt").read_text() == "precious"


def test_a_prepared_clip_needs_members_that_cut_alike(
    names: tuple[str, ...], prepared: PreparedFolder
) -> None:
    clip = Clip.open(prepared.clips[0].archive)
    assert open_ensemble(names[:2]).predict_clip(clip).p_fake is not None
    with pytest.raises(ConfigError, match="give the file itself"):
        open_ensemble(names).predict_clip(clip)


def test_the_decision_is_fitted_on_held_out_answers(
    names: tuple[str, ...], prepared: PreparedFolder, tmp_path: Path
) -> None:
    detector = open_ensemble(names[:2], "mean")
    scores = measure(detector, gather([prepared], assume_face_weight=0.0))
    scores.to_csv(tmp_path / "scores.csv", index=False)
    rule = fit_decision(tmp_path / "scores.csv")
    write_ensemble(tmp_path / "ensemble", names[:2], "mean", tmp_path / "scores.csv")
    fitted = Detector.from_pretrained(tmp_path / "ensemble", device="cpu")
    clip = Clip.open(prepared.clips[0].archive)
    verdict = fitted.predict_clip(clip)
    assert verdict.decision == rule.decide(verdict.p_fake)
    assert verdict.operating_point is not None
    assert verdict.operating_point.threshold == rule.threshold
    assert fitted.name != detector.name
    scores[scores["label"].astype(bool)].to_csv(tmp_path / "fakes.csv", index=False)
    with pytest.raises(ConfigError, match="fitted on genuine and fake clips"):
        fit_decision(tmp_path / "fakes.csv")


def test_the_command_line_takes_several_detectors(
    names: tuple[str, ...], video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def avfake(*args: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        return int(left.value.code or 0), *capsys.readouterr()

    two = ("--detector", names[0], "--detector", names[1])
    code, out, _ = avfake("predict", video, *two, "--combine", "geometric_mean", "--json")
    assert code == 0
    assert '"detector": "geometric_mean of ' in out
    code, _, _ = avfake("predict", video, *two, "--out", tmp_path / "scores.csv", "--workers", 0)
    assert code == 0
    assert (tmp_path / "scores.csv").is_file()
    code, _, err = avfake("predict", video, *two, "--combine", "geometric")
    assert code == 2
    assert "did you mean 'geometric_mean'" in err
    code, out, _ = avfake("ensemble", *names[:2], "--rule", "mean", "--out", tmp_path / "both")
    assert code == 0
    code, _, _ = avfake("predict", video, "--detector", tmp_path / "both")
    assert code == 0

"""A detector, and several together, asked about a world with another share of fakes."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.calibration.calibrators import Calibrator
from avfake.calibration.curves import PlattCurve
from avfake.calibration.decision_rule import ConformalBand, DecisionRule
from avfake.cli.main import main
from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector, correct_prior, mean_shifts
from avfake.detector.ensemble import fit_decision
from avfake.detector.options import PredictOptions
from avfake.errors import ConfigError
from avfake.labels import MODALITIES, OperatingPoint
from avfake.scoring.files import score_files
from avfake.verdict import Verdict

PRIORS = (1e-4, 0.01, 0.3, 0.9, 0.9999)


def with_opinion(bundle: Bundle, slope: float, *, knows: bool = True) -> Bundle:
    """Probabilities that differ between files."""
    by_modality = {"whole": Calibrator(PlattCurve(slope, 0.3))}
    outputs = {
        name: replace(
            one,
            calibrators=dict.fromkeys(one.calibrators, by_modality),
            prior=one.prior if knows else replace(one.prior, of_fakes=None),
        )
        for name, one in bundle.decision_model.outputs.items()
    }
    return replace(bundle, decision_model=replace(bundle.decision_model, outputs=outputs))


def decided_at(bundle: Bundle, threshold: float) -> Bundle:
    """Every file is real or fake."""
    rule = DecisionRule(threshold, 0.05, ConformalBand(threshold, threshold, 0.9))
    rules = {name: dict.fromkeys(MODALITIES, rule) for name in bundle.decision_model.rules}
    return replace(bundle, decision_model=replace(bundle.decision_model, rules=rules))


@pytest.fixture(scope="module")
def names(detector_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Two that differ, and one without a known share of fakes."""
    folder, bundle = tmp_path_factory.mktemp("members"), Bundle.read(detector_folder)
    with_opinion(bundle, 1.0).save(folder / "plain")
    with_opinion(bundle, 5.0).save(folder / "louder")
    with_opinion(bundle, 1.0, knows=False).save(folder / "older")
    return tuple(str(folder / name) for name in ("plain", "louder", "older"))


@pytest.fixture(scope="module")
def clips(prepared: PreparedFolder) -> list[Clip]:
    return [Clip.open(clip.archive) for clip in prepared.clips[:12]]


def test_no_prior_changes_a_decision_and_each_moves_the_probability(
    names: tuple[str, ...], clips: list[Clip]
) -> None:
    detector = Detector.from_pretrained(names[1], device="cpu")
    middle = np.median([detector.predict_clip(clip).p_fake for clip in clips])
    detector = Detector(decided_at(detector.members[0], float(middle)))
    decisions = set()
    for clip in clips:
        plain = detector.predict_clip(clip)
        asked = [detector.predict_clip(clip, PredictOptions(prior=prior)) for prior in PRIORS]
        assert {one.decision for one in asked} == {plain.decision}
        p = np.array([[one.p_fake, one.p_face_fake, one.p_voice_fake] for one in asked])
        assert np.all(np.diff(p, axis=0) > 0)
        assert np.all(p[:, 0] >= p[:, 1:].max(axis=1))
        for one in [plain, *asked]:
            assert one.operating_point is not None
            assert one.p_fake is not None
            assert (one.p_fake > one.operating_point.threshold) == (plain.decision == "fake")
        assert [one.prior for one in asked] == list(PRIORS)
        decisions.add(plain.decision)
    assert decisions == {"fake", "real"}


def test_the_prior_of_training_is_the_default(names: tuple[str, ...], clips: list[Clip]) -> None:
    detector = Detector.from_pretrained(names[0], device="cpu")
    plain = detector.predict_clip(clips[0])
    assert plain.prior is not None
    assert plain.prior == plain.trained_prior == detector.members[0].decision_model.prior
    same = detector.predict_clip(clips[0], PredictOptions(prior=plain.prior))
    assert same.p_fake == pytest.approx(plain.p_fake, abs=1e-12)
    assert "for a world" not in str(same)
    rare = detector.predict_clip(clips[0], PredictOptions(prior=0.01))
    assert "for a world in which 1 % are forged" in str(rare)
    assert Verdict.from_json(rare.to_json()) == rare


def test_a_part_is_never_above_the_whole() -> None:
    verdict = Verdict("a", "fake", 0.9, 0.9, None, "ok", operating_point=OperatingPoint(0.8, 0, 1))
    rare = correct_prior(verdict, {"overall": -6.0, "face": -5.0, "voice": -5.0}, 0.01)
    assert rare.p_face_fake == rare.p_fake == pytest.approx(9 / (9 + np.exp(6)))
    assert rare.operating_point is not None
    assert rare.operating_point.threshold == pytest.approx(4 / (4 + np.exp(6)))
    assert rare.p_voice_fake is None


def test_an_ensemble_shifts_what_it_combined(names: tuple[str, ...], clips: list[Clip]) -> None:
    together = Detector.from_pretrained(names[:2], combine="logit_mean", device="cpu")
    for clip in clips[:4]:
        plain = together.predict_clip(clip)
        rare = together.predict_clip(clip, PredictOptions(prior=0.01))
        # Members of one recipe: shifting each and combining would come to the same.
        members = [Detector(one) for one in together.members]
        alone = [one.predict_clip(clip, prior=0.01).p_fake for one in members]
        logits = np.log(alone) - np.log1p(-np.array(alone, np.float64))
        assert rare.p_fake == pytest.approx(1 / (1 + np.exp(-logits.mean())))
        assert (rare.decision, rare.prior) == (plain.decision, 0.01)
        assert plain.prior == plain.trained_prior == together.members[0].decision_model.prior


def test_only_members_that_answered_count() -> None:
    one = Verdict("a", "fake", 0.9, 0.9, None, "ok")
    deaf = Verdict("a", "unsure", None, None, None, "failed")
    shifts = [{"overall": -1.0, "face": -2.0, "voice": -3.0}, {"overall": -5.0, "voice": -5.0}]
    assert mean_shifts([one, deaf], shifts) == {"overall": -1.0, "face": -2.0, "voice": -4.0}


def test_who_does_not_know_its_prior_refuses_before_any_work(
    names: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, rare = tmp_path / "gone.mp4", PredictOptions(prior=0.01)
    for detector in (
        Detector.from_pretrained(names[2], device="cpu"),
        Detector.from_pretrained(names, device="cpu"),
    ):
        assert detector.predict(gone).status == "failed"
        with pytest.raises(ConfigError, match="train it again, or ask without a prior"):
            detector.predict(gone, rare)
    with pytest.raises(ConfigError, match="train it again"):
        score_files([gone], names[2], tmp_path / "scores.csv", options=rare, workers=0)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit) as left:
        main(["predict", str(gone), "--detector", names[0], "--prior", "1"])
    assert left.value.code == 2
    assert "prior is 1.0; it is the share" in capsys.readouterr().err


def test_tables_say_the_prior(
    names: tuple[str, ...], studio_root: Path, prepared: PreparedFolder, tmp_path: Path
) -> None:
    videos = sorted(studio_root.glob("*.mp4"))[:2]
    table = score_files(videos, names[0], tmp_path / "plain.csv", workers=0)
    rare = PredictOptions(prior=1e-6)
    score_files(videos, names[0], tmp_path / "rare.csv", options=rare, workers=0)
    with (tmp_path / "rare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["prior"] for row in rows] == ["1e-06", "1e-06"]
    assert 0 < float(rows[0]["p_fake"]) < table.rows[0]["p_fake"]
    args = ["evaluate", str(prepared.path), "--detector", names[0], "--out"]
    for options in ([], ["--prior", "0.1"]):
        with pytest.raises(SystemExit) as left:
            main([*args, str(tmp_path / "scores.csv"), *options])
        assert left.value.code == 0
    with pytest.raises(ConfigError, match="made with --prior"):
        fit_decision(tmp_path / "scores.csv")

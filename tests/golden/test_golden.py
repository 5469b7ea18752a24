"""A bundle and clips that an earlier commit wrote still open and answer as they did then.

A failure here means that what users have on their disks is read otherwise, or not at all. If that
is meant, the format needs another number, and CHANGELOG.md a line; see make_golden.py.
"""

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from avfake.clips.archive import Clip
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.ensemble import FolderFacts
from avfake.detector.folders import FORMAT
from avfake.errors import AvfakeError, BundleError, ConfigError, MediaError

HERE = Path(__file__).parent
CLIPS = sorted((HERE / "clips").glob("*.zip"))
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
CLOSE = 1e-3
"""Largest difference of a probability: other processors and versions of torch add in another
order."""
VERSION_2 = "5f56eccc714e"
"""Hash of clips of these settings while `PREPROCESSING_VERSION` was 2, and each frame searched."""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.from_pretrained(HERE / "bundle", device="cpu")


def test_the_golden_files_are_of_the_current_format_and_small() -> None:
    assert EXPECTED["format"] == FORMAT
    assert [path.name for path in CLIPS] == sorted(EXPECTED["verdicts"])
    kept = [path for path in HERE.rglob("*") if path.is_file() and path.suffix[:3] != ".py"]
    assert sum(path.stat().st_size for path in kept) < 300_000


@pytest.mark.parametrize("name", ["p_fake", "p_face_fake", "p_voice_fake"])
def test_the_golden_answers_are_those_of_a_detector_that_has_learned_something(name: str) -> None:
    found = [one[name] for one in EXPECTED["verdicts"].values() if one[name] is not None]
    assert len(found) >= 2
    assert max(found) - min(found) > 2 * CLOSE
    assert max(abs(p - 0.5) for p in found) > 0.03


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_a_clip_is_answered_as_it_was(path: Path, detector: Detector) -> None:
    found, expected = detector.predict_clip(Clip.open(path)), EXPECTED["verdicts"][path.name]
    for name in ("p_fake", "p_face_fake", "p_voice_fake"):
        assert getattr(found, name) == pytest.approx(expected[name], abs=CLOSE), name
    assert (found.decision, found.status) == (expected["decision"], expected["status"])
    assert [reason.code for reason in found.reasons] == [one["code"] for one in expected["reasons"]]
    assert len(found.persons) == len(expected["persons"])
    assert len(found.voice) == len(expected["voice"])


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_a_clip_has_all_its_parts(path: Path) -> None:
    clip = Clip.open(path)
    assert clip.meta.config_hash == Bundle.read(HERE / "bundle").spec.clip.hash
    for person, crops in zip(clip.meta.persons, clip.crops(), strict=True):
        assert crops.shape == (len(person.frame_indices), 64, 64, 3)
        assert crops.dtype == np.uint8
    sound = clip.waveform()
    assert (sound is None) == (clip.meta.sound_seconds == 0)
    if sound is not None:
        assert sound.duration_seconds == pytest.approx(clip.meta.sound_seconds, abs=1e-3)


def test_the_bundle_states_what_it_stated() -> None:
    facts = FolderFacts.read(HERE / "bundle")
    assert facts.config is not None
    assert (facts.config.format, facts.num_members) == (FORMAT, 2)
    assert facts.config.avfake == EXPECTED["avfake"]
    assert facts.decision_model is not None
    assert facts.decision_model.prior is not None


def rewritten(target: Path, name: str, content: bytes) -> Path:
    """Return a copy of the bundle with another content of a file, and checksums that fit."""
    copy = Path(shutil.copytree(HERE / "bundle", target / "bundle"))
    (copy / name).write_bytes(content)
    sums = json.loads((copy / "checksums.json").read_text())
    sums[name] = hashlib.sha256(content).hexdigest()
    (copy / "checksums.json").write_text(json.dumps(sums))
    return copy


@pytest.mark.parametrize("number", [1, FORMAT + 1, None, "2", "ensemble-2"])
def test_a_bundle_of_another_format_is_refused_by_its_number(number: Any, tmp_path: Path) -> None:
    config = yaml.safe_load((HERE / "bundle" / "config.yaml").read_text())
    config |= {"format": number, "avfake": "9.9"}
    copy = rewritten(tmp_path, "config.yaml", yaml.safe_dump(config).encode())
    message = f"has format {number}, this avfake reads format {FORMAT}; use avfake 9.9"
    with pytest.raises(BundleError, match=message):
        Detector.from_pretrained(copy)


def test_a_setting_that_is_not_known_is_named(tmp_path: Path) -> None:
    config = yaml.safe_load((HERE / "bundle" / "config.yaml").read_text())
    config["model"]["later"] = 1
    copy = rewritten(tmp_path, "config.yaml", yaml.safe_dump(config).encode())
    with pytest.raises(AvfakeError, match="has no setting 'later'"):
        Detector.from_pretrained(copy)


def test_a_calibration_of_other_features_is_refused(tmp_path: Path) -> None:
    fields = json.loads((HERE / "bundle" / "calibration.json").read_text())
    fields["features"] = fields["features"][:-1]
    copy = rewritten(tmp_path, "calibration.json", json.dumps(fields).encode())
    with pytest.raises(BundleError, match="the stack rows have changed"):
        Detector.from_pretrained(copy)


def with_meta(path: Path, change: dict[str, Any] | None) -> bytes:
    """Return a clip with changes of its meta.json; None leaves that out."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(content, "w") as target:
        for name in source.namelist():
            if name != "meta.json":
                target.writestr(name, source.read(name))
            elif change is not None:
                target.writestr(name, json.dumps(json.loads(source.read(name)) | change))
    return content.getvalue()


def test_a_clip_of_another_shape_is_refused(detector: Detector) -> None:
    with pytest.raises(MediaError, match="not a prepared clip"):
        detector.predict_clip(Clip.open(with_meta(CLIPS[0], None)))
    with pytest.raises(AvfakeError, match="has no setting 'later'"):
        detector.predict_clip(Clip.open(with_meta(CLIPS[0], {"later": 1})))


def test_a_clip_of_an_earlier_preprocessing_is_refused(detector: Detector) -> None:
    message = (
        f"was prepared with settings {VERSION_2}, this detector was trained on "
        f"{detector.members[0].spec.clip.hash}; prepare it again with "
    )
    with pytest.raises(ConfigError, match=message):
        detector.predict_clip(Clip.open(with_meta(CLIPS[0], {"config_hash": VERSION_2})))


def test_a_bundle_of_an_earlier_preprocessing_is_refused(tmp_path: Path) -> None:
    config = yaml.safe_load((HERE / "bundle" / "config.yaml").read_text())
    config |= {"clips_hash": VERSION_2}
    copy = rewritten(tmp_path, "config.yaml", yaml.safe_dump(config).encode())
    message = (
        f"was trained on clips prepared as {VERSION_2}, .* use the avfake that trained it "
        rf"\({EXPECTED['avfake']}\), or prepare and train again"
    )
    with pytest.raises(BundleError, match=message):
        Detector.from_pretrained(copy)

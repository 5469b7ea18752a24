"""A bundle and the detector in it: one answer for every file, and no answer from a bad bundle."""

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.detector.timeline import face_segments, voice_segments
from avfake.errors import BundleError, ConfigError
from avfake.media.types import Waveform
from avfake.media.writing import write_audio
from avfake.verdict import Verdict


@pytest.fixture(scope="module")
def detector(detector_folder: Path) -> Detector:
    return Detector.from_pretrained(detector_folder, device="cpu")


@pytest.fixture(scope="module")
def video(studio_root: Path) -> Path:
    return sorted(studio_root.glob("*.mp4"))[0]


def test_a_video_gets_three_probabilities_and_timelines(detector: Detector, video: Path) -> None:
    verdict = detector.predict(video)
    assert verdict.status == "ok"
    assert verdict.p_fake is not None
    assert verdict.p_fake >= max(verdict.p_face_fake or 0.0, verdict.p_voice_fake or 0.0)
    assert len(verdict.persons) == 1
    assert len(verdict.persons[0].frames) == 4
    assert verdict.voice[0].start_seconds == pytest.approx(0.0, abs=0.2)
    assert verdict.detector == detector.name
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_the_same_road_for_a_file_and_for_its_prepared_clip(
    detector: Detector, prepared: PreparedFolder
) -> None:
    clip = prepared.clips[0]
    from_file = detector.predict(clip.row.path)
    from_archive = detector.predict_clip(Clip.open(clip.archive))
    assert from_file.p_fake == from_archive.p_fake
    assert from_file.persons == from_archive.persons


def test_a_switched_off_part_is_a_reason_not_a_probability(detector: Detector, video: Path) -> None:
    verdict = detector.predict(video, use_audio=False)
    assert verdict.p_voice_fake is None
    assert verdict.p_face_fake is not None
    assert [str(reason) for reason in verdict.reasons] == ["voice:disabled"]
    assert (verdict.status, verdict.voice) == ("ok", ())
    with pytest.raises(ConfigError, match="nothing to assess"):
        PredictOptions(use_audio=False, use_visual=False)


def test_sound_alone_is_judged_by_ear(detector: Detector, tmp_path: Path, video: Path) -> None:
    sound = detector_waveform(video)
    write_audio(tmp_path / "voice.wav", sound)
    verdict = detector.predict(tmp_path / "voice.wav")
    assert verdict.p_face_fake is None
    assert verdict.p_voice_fake is not None
    assert [str(reason) for reason in verdict.reasons] == ["face:no_video"]
    assert verdict.status == "partial"


def detector_waveform(video: Path) -> Waveform:
    from avfake.media.sound import read_sound

    return read_sound(video).waveform()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("words.mp4", b"not a video at all", "file:not_media"),
        ("empty.mp4", b"", "file:empty_file"),
        ("gone.mp4", None, "file:file_missing"),
    ],
)
def test_an_unreadable_file_is_a_failed_verdict(
    detector: Detector, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    verdict = detector.predict(tmp_path / name)
    assert (verdict.status, verdict.decision, verdict.p_fake) == ("failed", "unsure", None)
    assert [str(found) for found in verdict.reasons] == [reason]


def test_a_truncated_video_never_raises(detector: Detector, video: Path, tmp_path: Path) -> None:
    whole = video.read_bytes()
    for share in (0.2, 0.5, 0.9):
        (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * share)])
        verdict = detector.predict(tmp_path / "cut.mp4")
        assert verdict.status in ("partial", "failed")
        assert verdict.reasons


def test_a_clip_prepared_otherwise_is_refused(detector: Detector, prepared: PreparedFolder) -> None:
    clip = Clip.open(prepared.clips[0].archive)
    clip.__dict__["meta"] = replace(clip.meta, config_hash="000000000000")
    with pytest.raises(ConfigError, match="prepared with settings 000000000000"):
        detector.predict_clip(clip)


def test_a_bundle_written_and_read_answers_the_same(
    detector: Detector, video: Path, tmp_path: Path
) -> None:
    detector.members[0].save(tmp_path / "copy")
    again = Detector.from_pretrained(tmp_path / "copy", device="cpu")
    assert again.predict(video).p_fake == detector.predict(video).p_fake


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("calibration.json", "delete", r"lacks calibration\.json"),
        ("member_0.safetensors", "alter", r"member_0\.safetensors differ from their checksums"),
        ("checksums.json", "delete", "not a whole detector"),
    ],
)
def test_a_missing_or_altered_file_is_named(
    detector_folder: Path, tmp_path: Path, name: str, change: str, message: str
) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(detector_folder, folder)
    if change == "delete":
        (folder / name).unlink()
    else:
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=message):
        Bundle.read(folder)


def test_a_config_whose_hash_does_not_match_is_refused(
    detector_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(detector_folder, folder)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["input"]["clip"]["num_frames"] = 5
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    sums = json.loads((folder / "checksums.json").read_text())
    import hashlib

    sums["config.yaml"] = hashlib.sha256((folder / "config.yaml").read_bytes()).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums))
    with pytest.raises(BundleError, match="prepare and train again"):
        Bundle.read(folder)


@pytest.mark.parametrize("name", ["nowhere", "/not/there", "a/b/c"])
def test_a_name_that_is_no_detector_is_an_error(name: str) -> None:
    with pytest.raises(BundleError, match="neither a detector folder nor a Hub name"):
        Bundle.read(name)


def test_segments_follow_from_the_timelines(detector: Detector, video: Path) -> None:
    verdict = detector.predict(video)
    assert verdict.persons
    assert verdict.voice
    for person in verdict.persons:
        assert person.segments == face_segments(person.frames)
    assert verdict.voice_segments == voice_segments(verdict.voice)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_callers_default_type_changes_no_answer(
    detector: Detector, detector_folder: Path, video: Path, dtype: torch.dtype
) -> None:
    expected = detector.predict(video)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        loaded = Detector.from_pretrained(detector_folder, device="cpu")
        assert detector.predict(video) == loaded.predict(video) == expected
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize(
    "state",
    [
        lambda: torch.device("meta"),
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.set_grad_enabled(False),
        torch.inference_mode,
    ],
    ids=["device", "autocast", "no grad", "inference"],
)
def test_what_the_caller_does_with_torch_changes_no_answer(
    detector: Detector,
    detector_folder: Path,
    video: Path,
    state: Callable[[], AbstractContextManager[object]],
) -> None:
    expected = detector.predict(video)
    with state():
        loaded = Detector.from_pretrained(detector_folder, device="cpu")
        assert detector.predict(video) == loaded.predict(video) == expected
    assert loaded.predict(video) == expected
    assert torch.is_grad_enabled()

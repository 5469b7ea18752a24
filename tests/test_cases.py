"""Inputs that version 0.1.0 answered wrongly, in a folder beside the checkout, if it is there.

What they are stands in its README. Each row says what a clip of the file must hold.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from real_media import CASES

from avfake import Detector
from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.faces.detecting import MTCNNDetector
from avfake.media.frames import iter_frames, read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the folder of cases is not here")
CONFIG = ClipConfig(num_frames=8)


@dataclass(frozen=True)
class Case:
    """What is right for a file."""

    seconds: float | None
    """How long it is."""
    persons: int | None
    """How many are seen; None where that is not for the decoder to say."""
    reasons: set[str] = field(default_factory=set)
    """All of them, as part:code; those of what is not tested here are left out."""
    sound_seconds: float = 0.0
    has_voice: bool = True
    """Whether there is sound in the clip."""


CLOCK_TOLD = {"face:clock_restarts", "voice:clock_restarts"}
CASES_RIGHT = {
    "base_a.mp4": Case(3.0, 1, sound_seconds=3.0),
    "base_d.mp4": Case(3.0, 1, sound_seconds=3.0),
    "m01_hflip_matrix.mp4": Case(3.0, 1, sound_seconds=3.0),
    "m02_vflip_matrix.mp4": Case(3.0, 1, sound_seconds=3.0),
    "m05_exif_2.jpg": Case(None, 1, {"voice:no_audio", "face:few_frames"}, has_voice=False),
    "m06_cat.ts": Case(6.0, None, CLOCK_TOLD, sound_seconds=6.0),
    "m08_antiphase.mkv": Case(3.0, 1, {"voice:one_channel"}, sound_seconds=3.0),
    "m14_first_pts_zero.mkv": Case(3.0, 1, {"face:clock_jumps"}, sound_seconds=3.0),
    "m16_float_unscaled.wav": Case(
        3.0, 0, {"face:no_video", "voice:scaled_samples"}, sound_seconds=3.0
    ),
    "m25_grid9.mp4": Case(2.0, 9, {"voice:no_audio"}, has_voice=False),
    "m31_digital_pause.flac": Case(7.0, 0, {"face:no_video"}, sound_seconds=7.0),
    "m31_sound_late.mp4": Case(4.5, 1, sound_seconds=3.0),
    "m32_forged_after_60s.m4a": Case(121.2, 0, {"face:no_video"}, sound_seconds=121.2),
    "m36_zero_samples.wav": Case(None, 0, {"face:no_video", "voice:too_short"}, has_voice=False),
    "m38_all_nan.wav": Case(1.0, 0, {"face:no_video", "voice:not_numbers"}, has_voice=False),
    "m39_dither.wav": Case(3.0, 0, {"face:no_video", "voice:no_speech"}, 3.0, has_voice=False),
    "m39_hum.wav": Case(3.0, 0, {"face:no_video", "voice:no_speech"}, 3.0, has_voice=False),
    "m39_hum_video.mkv": Case(3.0, 1, {"voice:no_speech"}, 3.0, has_voice=False),
    "m39_noise.wav": Case(3.0, 0, {"face:no_video", "voice:no_speech"}, 3.0, has_voice=False),
}


@pytest.fixture(scope="module")
def clips() -> dict[str, Clip]:
    detector = MTCNNDetector()
    return {name: cut_clip(CASES / name, CONFIG, detector) for name in CASES_RIGHT}


def test_every_file_has_a_row() -> None:
    files = {path.name for path in CASES.iterdir() if path.is_file()} - {"README.md"}
    assert files == set(CASES_RIGHT)


@pytest.mark.parametrize("name", CASES_RIGHT)
def test_a_case_is_read_rightly(clips: dict[str, Clip], name: str) -> None:
    case, meta = CASES_RIGHT[name], clips[name].meta
    if case.seconds is not None:
        assert meta.media["duration_seconds"] == pytest.approx(case.seconds, abs=0.2)
    assert {str(reason) for reason in meta.reasons} == case.reasons
    if case.persons is not None:
        assert len(meta.persons) == case.persons
    assert bool(meta.sound_seconds) == case.has_voice
    if case.sound_seconds:
        heard = read_sound(CASES / name)
        assert heard.total_seconds == pytest.approx(case.sound_seconds, abs=0.2)


def test_joined_parts_follow_each_other() -> None:
    """The two parts are other cases: each picture and each sound must be found in its half."""
    path = CASES / "m06_cat.ts"
    every = list(iter_frames(path))
    assert len(every) == 90
    sound = read_sound(path).waveform().samples
    for half, whole in enumerate(("base_a.mp4", "base_d.mp4")):
        frame = read_frames(CASES / whole, [1.0]).pixels[0].astype(int)
        apart = [np.abs(frame - picture).mean() for _, picture in every]
        found = int(np.argmin(apart))
        assert found // 45 == half
        assert apart[found] < 4
        part = read_sound(CASES / whole).waveform().samples
        lag = offset_of(part, sound)
        # Sound and picture are moved alike.
        assert lag / 16_000 == pytest.approx(every[found][0] - 1.0, abs=0.1)


def offset_of(part: np.ndarray, whole: np.ndarray) -> int:
    """Sample of the whole at which the part fits best."""
    length = len(part) + len(whole)
    product = np.fft.irfft(np.fft.rfft(whole, length) * np.fft.rfft(part, length).conj(), length)
    return int(product[: len(whole)].argmax())


@pytest.mark.parametrize("name", ["m01_hflip_matrix.mp4", "m02_vflip_matrix.mp4"])
def test_what_lay_on_its_head_is_upright(name: str) -> None:
    upright = read_frames(CASES / "base_a.mp4", [0.5, 2.5]).pixels.astype(int)
    assert np.abs(upright - read_frames(CASES / name, [0.5, 2.5]).pixels).mean() < 3


def test_the_mirrored_photograph_is_upright() -> None:
    shown = read_frames(CASES / "m05_exif_2.jpg", [0.0]).pixels[0].astype(int)
    every = [np.abs(shown - picture).mean() for _, picture in iter_frames(CASES / "base_a.mp4")]
    assert min(every) < 3


def test_scaled_floats_are_no_square_wave() -> None:
    samples = np.abs(read_sound(CASES / "m16_float_unscaled.wav").pieces[0].samples)
    assert samples.max() == pytest.approx(1.0)
    assert (samples > 0.99).mean() < 0.01


def test_the_voice_in_opposite_phase_is_the_voice() -> None:
    voice = read_sound(CASES / "m08_antiphase.mkv").waveform().samples
    plain = read_sound(CASES / "base_a.mp4").waveform().samples
    length = min(len(voice), len(plain))
    assert probe(CASES / "m08_antiphase.mkv").num_channels == 2
    lag = offset_of(voice, np.pad(plain, 800)) - 800
    moved = np.roll(voice, lag)[800 : length - 800]
    assert np.corrcoef(moved, plain[800 : length - 800])[0, 1] > 0.9


def test_the_second_minute_is_heard() -> None:
    """A minute of genuine speech, then a minute of forged speech."""
    spans = cut_clip(CASES / "m32_forged_after_60s.m4a", CONFIG, MTCNNDetector()).meta.speech_spans
    heard = sum(max(0.0, end - max(60.0, start)) for start, end in spans)
    assert heard > 50


def test_pauses_and_hum_do_not_change_what_the_shipped_detector_says(tmp_path: Path) -> None:
    detector = Detector.default()
    names = ("base_a.mp4", "m31_sound_late.mp4", "m31_digital_pause.flac", "m39_hum_video.mkv")
    plain, late, paused, hum = (detector.predict(CASES / name) for name in names)
    assert late.p_voice_fake == pytest.approx(plain.p_voice_fake, abs=0.05)
    samples = read_sound(CASES / names[2]).waveform().samples
    starts = np.flatnonzero(np.diff((samples == 0).astype(int), prepend=0) == 1)
    pause = next(at for at in starts if not samples[at : at + 60_000].any())
    sound = np.concatenate([samples[:pause], samples[pause + 64_000 :]])
    write_audio(tmp_path / "whole.wav", Waveform(sound, 16_000))
    whole = detector.predict(tmp_path / "whole.wav")
    assert paused.p_voice_fake == pytest.approx(whole.p_voice_fake, abs=0.05)
    assert hum.p_voice_fake is None
    assert hum.p_face_fake is not None
    for name in ("m39_hum.wav", "m39_noise.wav", "m39_dither.wav"):
        verdict = detector.predict(CASES / name)
        assert (verdict.p_fake, verdict.decision, verdict.status) == (None, "unsure", "failed")

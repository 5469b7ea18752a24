"""The file in small: what of it is shown, how large, and at which time."""

import io

import av
import numpy as np
import pytest
from PIL import Image
from speaking import speech

from avfake.media.writing import write_audio, write_video
from avfake.report import preview as previews
from avfake.report.preview import MAX_BYTES, make_preview
from avfake.verdict import FaceScore, Person, Verdict


def verdict(*faces):
    frames = tuple(FaceScore(at, (40.0, 40.0, 100.0, 100.0), p) for at, p in faces)
    persons = (Person(0, 0.5, frames),) if frames else ()
    return Verdict("a.mp4", "unsure", 0.5, 0.5, None, "ok", persons=persons)


def streams(content):
    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0] if container.streams.video else None
        return video, bool(container.streams.audio), container.duration / 1_000_000


def test_a_short_video_keeps_its_time_and_sound_and_gets_boxes(tmp_path):
    grey = np.full((50, 600, 1200, 3), 120, np.uint8)
    write_video(tmp_path / "a.mp4", grey, fps=25, waveform=speech(2.0))
    found = make_preview(tmp_path / "a.mp4", verdict((0.5, 0.2), (1.5, 0.9)))
    assert (found.kind, found.width, found.height, found.moments) == ("video", 480, 240, ())
    _, has_sound, seconds = streams(found.content)
    assert has_sound
    assert seconds == pytest.approx(2.0, abs=0.15)
    assert found.poster_seconds == pytest.approx(1.5, abs=0.1)
    poster = np.asarray(Image.open(io.BytesIO(found.poster))).astype(int)
    coloured = np.ptp(poster, axis=2) > 60
    rows, columns = np.flatnonzero(coloured.any(1)), np.flatnonzero(coloured.any(0))
    assert columns[0] == pytest.approx(16, abs=3)  # 40 px of 1200 are 16 of 480
    assert rows[-1] == pytest.approx(40, abs=3)


def test_noise_does_not_make_a_preview_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(previews, "MAX_BYTES", 60_000)
    noise = np.random.default_rng(0).integers(0, 256, (60, 240, 320, 3), dtype=np.uint8)
    write_video(tmp_path / "a.mp4", noise, fps=15)
    assert len(make_preview(tmp_path / "a.mp4", verdict()).content) < 1.3 * 60_000 < MAX_BYTES


def test_of_a_long_video_single_pictures_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(previews, "MAX_SECONDS", 3.0)
    monkeypatch.setattr(previews, "LEAST_GAP_SECONDS", 1.0)
    levels = [np.full((48, 64, 3), 20 * second, np.uint8) for second in range(6) for _ in range(5)]
    write_video(tmp_path / "a.mp4", levels, fps=5)
    found = make_preview(tmp_path / "a.mp4", verdict((2.2, 0.9)))
    assert found.moments == pytest.approx((0.4, 1.4, 2.2, 2.4, 3.4, 4.4, 5.4), abs=0.21)
    _, has_sound, seconds = streams(found.content)
    assert not has_sound
    assert seconds == pytest.approx(previews.PICTURE_SECONDS * len(found.moments), abs=0.1)


def test_sound_and_photographs(tmp_path, monkeypatch):
    write_audio(tmp_path / "a.wav", speech(1.0))
    heard = make_preview(tmp_path / "a.wav", verdict())
    assert (heard.kind, heard.poster_uri) == ("sound", "")
    assert streams(heard.content)[1]
    monkeypatch.setattr(previews, "MAX_SOUND_SECONDS", 0.5)
    assert make_preview(tmp_path / "a.wav", verdict()) is None
    Image.new("RGB", (900, 300), "grey").save(tmp_path / "a.png")
    seen = make_preview(tmp_path / "a.png", verdict((0.0, 0.7)))
    assert (seen.kind, seen.width, seen.height) == ("picture", 480, 160)
    assert seen.uri.startswith("data:image/jpeg;base64,")


def test_a_file_that_cannot_be_read_has_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing of the kind")
    assert make_preview(tmp_path / "a.mp4", verdict()) is None
    assert make_preview(tmp_path / "nowhere.mp4", verdict()) is None

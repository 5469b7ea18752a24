import shutil

import av
import numpy as np
import pytest

from avfake.errors import ConfigError, MediaError
from avfake.media.frames import read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio, write_video
from avfake.report.annotate import annotate, face_at, score_colour
from avfake.verdict import FaceScore, Person, Verdict, VoiceScore

GREY = 128


def tone(seconds=2.0, rate=16_000):
    samples = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return Waveform(samples.astype(np.float32), rate)


def grey_video(path, *, size=(480, 640), waveform=None):
    write_video(path, np.full((50, *size, 3), GREY, np.uint8), fps=25, waveform=waveform)
    return path


def person(person_id=0, *, scores=(1.0, 1.0), start=100.0):
    frames = tuple(
        FaceScore(0.5 + index, (start + 200 * index, 150.0, start + 200 * index + 80, 250.0), p)
        for index, p in enumerate(scores)
    )
    return Person(person_id, float(np.mean(scores)), frames)


def verdict_of(*persons, voice=()):
    return Verdict("a.mp4", "fake", 0.9, 0.9, None, "ok", persons=persons, voice=voice)


def near(pixels, colour):
    return np.abs(pixels.astype(int) - colour).max(axis=-1) < 60


def test_the_box_moves_with_the_face(tmp_path):
    path, out = grey_video(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    annotate(path, verdict_of(person()), out)
    for seconds, left in [(0.52, 104), (1.0, 200), (1.48, 296)]:
        picture = read_frames(out, [seconds]).pixels[0][:480]
        columns = np.flatnonzero(near(picture[200], score_colour(1.0)))
        assert columns[0] == pytest.approx(left, abs=3)
        assert columns[-1] == pytest.approx(left + 80, abs=3)
        assert picture[400, 50].tolist() == pytest.approx([GREY] * 3, abs=4)


def test_boxes_carry_the_colour_of_their_score(tmp_path):
    path, out = grey_video(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    annotate(path, verdict_of(person(0), person(1, scores=(0.0, 0.0), start=300)), out)
    picture = read_frames(out, [0.5]).pixels[0]
    assert near(picture[200, 98:104], score_colour(1.0)).any()
    assert near(picture[200, 298:304], score_colour(0.0)).any()


def test_the_strip_shows_both_scores_and_a_moving_cursor(tmp_path):
    voice = (VoiceScore(0.0, 1.0, 1.0), VoiceScore(1.0, 2.0, 0.0))
    path, out = grey_video(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    annotate(path, verdict_of(person(), voice=voice), out)
    frames = read_frames(out, [0.5, 1.5])
    early, late = frames.pixels
    row = (len(early) - 480) // 3
    voice_row = late[480 + 2 * row + row // 2]
    assert near(voice_row[200:300], score_colour(1.0)).all()
    assert not near(voice_row[330:460], score_colour(1.0)).any()
    headline = slice(482, 480 + row - 2)
    for picture, seconds in zip(frames.pixels, frames.seconds, strict=True):
        x = round(seconds / 2 * 639)
        bright = picture[headline].min(axis=2).min(axis=0)
        assert bright[x - 4 : x + 5].max() > 180


def test_size_duration_and_sound_are_kept(tmp_path):
    path, out = grey_video(tmp_path / "a.mp4", waveform=tone()), tmp_path / "out.mp4"
    annotate(path, verdict_of(person()), out)
    info = probe(out)
    assert info.width == 640
    assert info.video_end_seconds == pytest.approx(2.0, abs=0.05)
    samples = read_sound(out).waveform().samples
    assert np.argmax(np.abs(np.fft.rfft(samples[:16_000]))) == pytest.approx(440, abs=2)


def test_small_pictures_are_enlarged_with_their_boxes(tmp_path):
    path, out = grey_video(tmp_path / "a.mp4", size=(120, 160)), tmp_path / "out.mp4"
    small = Person(0, 1.0, (FaceScore(1.0, (40.0, 60.0, 80.0, 100.0), 1.0),))
    annotate(path, verdict_of(small), out)
    picture = read_frames(out, [1.0]).pixels[0]
    assert picture.shape[1] == 480
    columns = np.flatnonzero(near(picture[240], score_colour(1.0)))
    assert (columns[0], columns[-1]) == pytest.approx((120, 240), abs=3)


def test_turned_videos_are_drawn_upright(tmp_path):
    # A phone's file: lying pictures, to be turned clockwise; boxes are in the upright picture.
    path, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.set_display_rotation(-90)
        for _ in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((480, 640, 3), GREY, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    still = Person(0, 1.0, (FaceScore(1.0, (300.0, 500.0, 400.0, 600.0), 1.0),))
    annotate(path, verdict_of(still), out)
    info, picture = probe(out), read_frames(out, [1.0]).pixels[0]
    assert (info.width, info.rotation_degrees) == (480, 0)
    columns = np.flatnonzero(near(picture[550], score_colour(1.0)))
    assert (columns[0], columns[-1]) == pytest.approx((300, 400), abs=3)


def test_a_video_without_faces_is_still_drawn(tmp_path):
    path, out = grey_video(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    annotate(path, Verdict("a.mp4", "unsure", None, None, None, "failed"), out)
    assert probe(out).height > 480


def test_sound_alone_cannot_be_drawn(tmp_path):
    write_audio(tmp_path / "a.wav", tone())
    with pytest.raises(MediaError, match="picture"):
        annotate(tmp_path / "a.wav", verdict_of(), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_a_person_is_absent_far_from_the_scored_frames():
    boxes, scores = face_at(person(scores=(0.2, 0.6)), np.array([-0.2, 0.1, 1.0, 2.5]))
    assert np.isnan(scores).tolist() == [True, False, False, True]
    assert scores[2] == pytest.approx(0.4)
    assert boxes[2].tolist() == pytest.approx([200, 150, 280, 250])


def test_the_video_itself_and_other_films_are_left_alone(tmp_path):
    path, other, out = grey_video(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "out.mp4"
    shutil.copy(path, other)
    content = path.read_bytes()
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    for taken in (path, tmp_path / "link.mp4"):
        with pytest.raises(ConfigError, match="is also read by this command"):
            annotate(path, verdict_of(), taken)
    with pytest.raises(ConfigError, match="not made by this command"):
        annotate(path, verdict_of(), other)
    assert path.read_bytes() == other.read_bytes() == content
    annotate(path, verdict_of(), out)
    first = out.read_bytes()
    annotate(path, verdict_of(person()), out)  # one of ours may go for another
    assert out.read_bytes() != first
    assert probe(out).has_video


def test_an_ending_that_is_no_videos_is_refused(tmp_path):
    path = grey_video(tmp_path / "a.mp4")
    with pytest.raises(ConfigError, match=r"a video is written as \.mp4"):
        annotate(path, verdict_of(), tmp_path / "out.wav")
    assert list(tmp_path.iterdir()) == [path]

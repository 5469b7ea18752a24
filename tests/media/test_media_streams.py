"""Among several streams, those are read that a player would play; covers are no video."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from talks import strongest_hertz

from avfake.errors import MediaError
from avfake.media.frames import read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound

RATE, SOUND_RATE = 16_000, 48_000
DEFAULT = Disposition.default
NONE = Disposition(0)


def picture_stream(container, codec, grey, *, size=(64, 48), count=25, disposition=NONE):
    """A stream, and the packets that are to be written into it."""
    ordered = {"bf": "0"} if codec == "libx264" else {}
    stream = container.add_stream(codec, rate=25, options=ordered)
    stream.width, stream.height = size
    stream.pix_fmt = {"png": "rgb24", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    stream.disposition = disposition

    def packets():
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), grey, np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets


def sound_stream(container, hertz, *, codec="aac", seconds=1.0, disposition=NONE):
    """The same for a tone; silence for 0 Hz."""
    stream = container.add_stream(codec, rate=SOUND_RATE, layout="mono")
    stream.disposition = disposition

    def packets():
        times = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
        samples = (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)
        for start in range(0, len(samples), 1024):
            block = samples[None, start : start + 1024]
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SOUND_RATE, start
            frame.time_base = Fraction(1, SOUND_RATE)
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets


def write(path, *streams):
    """streams: functions of the container that give functions of packets."""
    with av.open(str(path), "w") as container:
        every = [make(container) for make in streams]
        container.start_encoding()
        for packet in sorted(
            (packet for packets in every for packet in packets()),
            key=lambda packet: packet.pts * packet.time_base,
        ):
            container.mux(packet)
    return path


def pictures(codec, grey, **how):
    return lambda container: picture_stream(container, codec, grey, **how)


def tone(hertz, **how):
    return lambda container: sound_stream(container, hertz, **how)


def grey_of(path):
    return round(float(read_frames(path, [0.5]).pixels.mean()))


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_the_default_picture_comes_first(tmp_path, ending):
    small = pictures("libx264", 60, disposition=NONE)
    chosen = pictures("libx264", 200, disposition=DEFAULT)
    path = write(tmp_path / f"a.{ending}", small, chosen)
    with av.open(str(path)) as container:
        assert [bool(s.disposition & DEFAULT) for s in container.streams] == [False, True]
    assert grey_of(path) == pytest.approx(200, abs=3)


def test_of_equal_streams_the_larger_is_shown(tmp_path):
    streams = [pictures("libx264", 60), pictures("libx264", 200, size=(128, 96))]
    path = write(tmp_path / "a.mkv", *streams)
    assert grey_of(path) == pytest.approx(200, abs=3)
    assert probe(path).width == 128


def test_one_still_picture_gives_way_to_moving_ones(tmp_path):
    streams = [
        pictures("mjpeg", 60, size=(320, 240), count=1, disposition=DEFAULT),
        pictures("libx264", 200),
    ]
    assert grey_of(write(tmp_path / "a.mp4", *streams)) == pytest.approx(200, abs=3)


@pytest.mark.parametrize("mark", [Disposition.attached_pic, Disposition.timed_thumbnails])
def test_marked_thumbnails_give_way(tmp_path, mark):
    streams = [
        pictures("mjpeg", 60, size=(320, 240), count=1, disposition=mark),
        pictures("libx264", 200),
    ]
    path = write(tmp_path / "a.mp4", *streams)
    assert grey_of(path) == pytest.approx(200, abs=3)


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize("codec", ["mjpeg", "png"])
@pytest.mark.parametrize("disposition", [NONE, DEFAULT, Disposition.attached_pic])
def test_a_cover_is_no_video_whether_marked_or_not(tmp_path, ending, codec, disposition):
    if (ending, codec) == ("mkv", "png"):
        pytest.skip("Matroska holds no PNG stream")
    cover = pictures(codec, 120, count=1, disposition=disposition)
    path = write(tmp_path / f"a.{ending}", cover, tone(500))
    info = probe(path)
    assert (info.has_video, info.has_audio) == (False, True)
    assert read_sound(path).total_seconds == pytest.approx(1.0, abs=0.05)
    with pytest.raises(MediaError, match="no picture"):
        read_frames(path, [0.0])


def test_motion_jpeg_with_sound_is_a_video(tmp_path):
    path = write(tmp_path / "a.mkv", pictures("mjpeg", 120), tone(500))
    assert probe(path).has_video
    assert grey_of(path) == pytest.approx(120, abs=3)


def test_the_default_sound_comes_first(tmp_path):
    path = write(tmp_path / "a.mkv", tone(500), tone(1500, disposition=DEFAULT))
    assert strongest_hertz(read_sound(path).waveform().samples, RATE) == pytest.approx(1500, abs=3)
    assert read_sound(path).notes == ()


@pytest.mark.parametrize("codec", ["flac", "aac"])
@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_silent_first_track_does_not_hide_another(tmp_path, codec, ending):
    streams = [
        pictures("libx264", 60),
        tone(0, codec=codec, disposition=DEFAULT),
        tone(0, codec=codec),
        tone(1500, codec=codec),
    ]
    sound = read_sound(write(tmp_path / f"a.{ending}", *streams))
    assert strongest_hertz(sound.pieces[0].samples, RATE) == pytest.approx(1500, abs=3)
    assert [note.code for note in sound.notes] == ["other_track"]
    assert sound.notes[0].detail == "stream 3 instead of stream 1"


def test_an_empty_first_track_does_not_hide_another(tmp_path):
    path = write(tmp_path / "a.mkv", tone(0, seconds=0, disposition=DEFAULT), tone(1500))
    sound = read_sound(path)
    assert strongest_hertz(sound.pieces[0].samples, RATE) == pytest.approx(1500, abs=3)
    assert [note.code for note in sound.notes] == ["other_track"]


def test_of_tracks_that_are_all_silent_the_first_is_silence(tmp_path):
    path = write(tmp_path / "a.mkv", tone(0), tone(0))
    sound = read_sound(path)
    assert sound.waveform().is_silent
    assert sound.notes == ()
    assert sound.total_seconds == pytest.approx(1.0, abs=0.05)

from fractions import Fraction

import numpy as np
import pytest

from avfake.errors import MediaError
from avfake.media import frames as reading
from avfake.media.frames import iter_frames, read_frames, read_frames_in_parts
from avfake.media.probing import probe
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

TIMES = [index / 25 for index in range(25)]
B_FRAMES = {"bf": "3", "g": "12"}
FINE = {"qmin": "1", "qmax": "2"}


@pytest.mark.parametrize(
    ("ending", "codec", "options"),
    [
        ("mp4", "libx264", B_FRAMES),
        ("mkv", "libx264", B_FRAMES),
        ("avi", "mpeg4", {"bf": "2", **FINE}),
        ("mpg", "mpeg2video", {"bf": "2", "g": "12", **FINE}),
        ("webm", "libvpx", {"deadline": "realtime"}),
        ("ts", "libx264", B_FRAMES),
    ],
)
def test_the_frame_on_display_is_read_in_any_container(
    tmp_path, make_video, indices_of, ending, codec, options
):
    path = make_video(tmp_path / f"a.{ending}", TIMES, codec=codec, options=options)
    times = [seconds for seconds, _ in iter_frames(path)]
    assert np.allclose(np.diff(times), 0.04, atol=2e-3)
    wanted = np.array([3, 4, 11, 17, 24])
    frames = read_frames(path, np.array(times)[wanted] + 0.01)
    assert indices_of(frames.pixels) == wanted.tolist()
    assert np.allclose(frames.seconds, np.array(times)[wanted])


@pytest.mark.parametrize(("held", "sizes"), [(0.5, [1] * 7), (2, [2, 2, 2, 1]), (7, [7]), (9, [7])])
def test_parts_hold_the_frames_that_are_read_at_once(
    tmp_path, make_video, monkeypatch, held, sizes
):
    path = make_video(tmp_path / "a.mp4", TIMES)
    # The last two are shown at both of their times, and are returned once.
    wanted = np.array([0.0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.9, 0.901])
    whole = read_frames(path, wanted)
    most = held * whole.pixels[0].nbytes
    parts = list(read_frames_in_parts(path, wanted, max_bytes=most))
    assert [len(part.pixels) for part in parts] == sizes
    assert np.array_equal(np.concatenate([part.pixels for part in parts]), whole.pixels)
    assert np.array_equal(np.concatenate([part.seconds for part in parts]), whole.seconds)
    monkeypatch.setattr(reading, "MAX_PART_BYTES", most)
    again = read_frames(path, wanted)
    assert np.array_equal(again.pixels, whole.pixels)
    assert np.array_equal(again.seconds, whole.seconds)


def test_a_frame_is_found_by_its_own_time(tmp_path, make_video, indices_of):
    path = make_video(tmp_path / "a.mp4", TIMES)
    assert indices_of(read_frames(path, TIMES).pixels) == list(range(25))


def test_times_outside_the_file_give_its_first_and_last_frame_once(
    tmp_path, make_video, indices_of
):
    path = make_video(tmp_path / "a.mp4", TIMES)
    frames = read_frames(path, [99.0, -3.0, 0.5, 0.51, 88.0])
    assert indices_of(frames.pixels) == [0, 12, 24]
    assert frames.seconds.tolist() == pytest.approx([0, 0.48, 0.96])


def test_variable_frame_rate_keeps_its_times(tmp_path, make_video, indices_of):
    times = [0.0, 0.1, 0.9, 1.0, 1.05, 2.5]
    path = make_video(tmp_path / "a.mp4", times, options=B_FRAMES)
    frames = read_frames(path, [0.5, 0.95, 2.0, 2.6])
    assert indices_of(frames.pixels) == [1, 2, 4, 5]
    assert frames.seconds.tolist() == pytest.approx([0.1, 0.9, 1.05, 2.5], abs=1e-4)


@pytest.mark.parametrize(("turn", "corner"), [(90, "bottom left"), (-90, "top right")])
def test_turned_files_are_shown_upright(tmp_path, make_video, turn, corner):
    # The black corner is at the top left before turning; a positive turn is counter-clockwise.
    path = make_video(tmp_path / "a.mp4", TIMES[:3], rotation=turn)
    info, frame = probe(path), read_frames(path, [0.0]).pixels[0]
    assert (info.width, info.height) == (48, 64) == frame.shape[1::-1]
    assert info.rotation_degrees == -turn % 360
    row, column = corner.split()
    patch = frame[-8:] if row == "bottom" else frame[:8]
    patch = patch[:, :6] if column == "left" else patch[:, -6:]
    assert patch.mean() < 8 < frame.mean()


def test_upside_down_is_turned_without_changing_the_size(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", TIMES[:3], rotation=180)
    frame = read_frames(path, [0.0]).pixels[0]
    assert frame.shape == (48, 64, 3)
    assert frame[-8:, -8:].mean() < 8
    assert probe(path).rotation_degrees == 180


def test_wide_pixels_become_square(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", TIMES[:3], aspect=Fraction(2, 1))
    info = probe(path)
    assert (info.width, info.height, info.pixel_aspect) == (128, 48, 2.0)
    assert read_frames(path, [0.0]).pixels.shape == (1, 48, 128, 3)


@pytest.mark.parametrize("colour", [("yuv420p", 1, 1), ("yuv420p", 5, 1), ("yuv420p", 5, 2)])
def test_colours_come_back_as_the_file_states_them(tmp_path, make_video, colour):
    def green(index):
        return np.full((48, 64, 3), [30, 180, 60], np.uint8)

    path = make_video(tmp_path / "a.mp4", TIMES[:3], colour=colour, picture=green)
    error = read_frames(path, [0.0]).pixels.astype(int) - green(0)
    assert np.abs(error).max() <= 4


def test_a_single_frame_is_a_video(tmp_path, make_video, indices_of):
    path = make_video(tmp_path / "a.mp4", [0.0])
    frames = read_frames(path, probe(path).sample_times(8))
    assert indices_of(frames.pixels) == [0]


def test_a_damaged_end_gives_the_frames_before_it(tmp_path, make_video, indices_of):
    noise = np.random.default_rng(0).integers(0, 255, (25, 48, 64, 3), dtype=np.uint8)

    def noisy(index):
        noise[index, -8:, -8:] = 20 + 7 * index
        return noise[index]

    fast = {"movflags": "+frag_keyframe", "g": "1", "crf": "10"}
    path = make_video(tmp_path / "a.mkv", TIMES, options=fast, picture=noisy)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = read_frames(path, TIMES)
    found = indices_of(frames.pixels)
    assert found == list(range(len(found)))
    assert 8 <= len(found) <= 16


def test_pictures_that_cannot_be_decoded_are_an_error(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", TIMES)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov")
    content[start:end] = bytes(end - start)
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read_frames(path, [0.0])
    assert caught.value.reason.code == "decode_error"
    with pytest.raises(MediaError, match="decode"):
        next(iter_frames(path))


def in_bits(index):
    """The frame number as sixteen bright or dark stripes."""
    stripes = [255 * (index >> bit & 1) for bit in range(16)]
    return np.repeat(np.array(stripes, np.uint8), 4)[None, :, None].repeat(48, 0).repeat(3, 2)


@pytest.mark.parametrize(
    ("ending", "codec", "options"),
    [
        ("mp4", "libx264", {"bf": "3", "g": "50"}),
        ("mp4", "libx264", {"x264-params": "open-gop=1:bframes=3:keyint=60"}),
        ("mkv", "mpeg2video", {"bf": "2", "g": "12", **FINE}),
        ("ts", "libx264", {"bf": "3", "g": "50"}),
    ],
)
def test_jumping_through_a_long_file_finds_the_same_frames(
    tmp_path, make_video, monkeypatch, ending, codec, options
):
    path = tmp_path / f"a.{ending}"
    every = [index / 25 for index in range(1000)]
    make_video(path, every, codec=codec, options=options, picture=in_bits)
    times = [10.0, 10.5, 21.37, 33.0, 39.9, 60.0]
    jumped = read_frames(path, times)
    monkeypatch.setattr("avfake.media.frames.INDEXED_FORMATS", set())
    walked = read_frames(path, times)
    np.testing.assert_array_equal(jumped.pixels, walked.pixels)
    np.testing.assert_array_equal(jumped.seconds, walked.seconds)
    bits = jumped.pixels[:, 24, 2::4, 0] > 127
    first = walked.seconds[0] - 10.0
    numbers = (bits * 2 ** np.arange(16)).sum(axis=1)
    assert abs(first) <= 0.08
    assert np.abs(numbers - jumped.seconds * 25).max() <= 2
    assert numbers[-1] == 999


def test_a_long_file_with_a_damaged_end_gives_what_is_before_it(tmp_path, make_video):
    path = tmp_path / "a.mkv"
    every = [index / 25 for index in range(1000)]
    make_video(path, every, options={"g": "50"}, picture=in_bits)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = read_frames(path, [1.0, 12.0, 30.0, 39.0])
    assert frames.seconds[:2].tolist() == pytest.approx([1.0, 12.0], abs=2e-3)
    assert len(frames) == 3
    assert 15 < frames.seconds[2] < 25


def test_sound_alone_has_no_frames(tmp_path):
    write_audio(tmp_path / "a.wav", Waveform(np.zeros(800, np.float32), 8000))
    with pytest.raises(MediaError) as caught:
        read_frames(tmp_path / "a.wav", [0.0])
    assert caught.value.reason.code == "no_video"


@pytest.mark.parametrize("times", [[], [float("nan")]])
def test_times_must_be_given_and_finite(tmp_path, make_video, times):
    path = make_video(tmp_path / "a.mp4", [0.0])
    with pytest.raises(ValueError, match="at_seconds"):
        read_frames(path, times)

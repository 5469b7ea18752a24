import hashlib

import numpy as np
import pytest

from avfake.media.frames import iter_frames, read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio, write_video


def grey_frames(count, height=48, width=64):
    levels = np.linspace(20, 230, count).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3))


def tone(seconds, rate=16_000):
    return Waveform(
        (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(
            np.float32
        ),
        rate,
    )


@pytest.mark.parametrize("fps", [25, 30000 / 1001, 24000 / 1001, 12.5])
def test_pictures_come_back_at_their_times(tmp_path, fps):
    frames = grey_frames(20)
    write_video(tmp_path / "a.mp4", frames, fps=fps)
    read = list(iter_frames(tmp_path / "a.mp4"))
    assert [seconds for seconds, _ in read] == pytest.approx(np.arange(20) / fps, abs=1e-4)
    assert np.abs(np.stack([p for _, p in read]).astype(int) - frames).max() <= 5
    assert probe(tmp_path / "a.mp4").fps == pytest.approx(fps, rel=1e-5)


def test_sound_comes_back_in_place(tmp_path):
    write_video(tmp_path / "a.mp4", grey_frames(25), fps=25, waveform=tone(1.0))
    waveform = read_sound(tmp_path / "a.mp4").waveform()
    spectrum = np.abs(np.fft.rfft(waveform.samples[2000:10_000]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=2)
    assert np.abs(waveform.samples).max() == pytest.approx(0.5, abs=0.05)


def test_odd_sizes_gain_a_line(tmp_path):
    write_video(tmp_path / "a.mp4", grey_frames(3, 47, 63), fps=25)
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == (64, 48)


def test_colours_survive(tmp_path):
    frames = np.full((3, 48, 64, 3), [200, 40, 90], np.uint8)
    write_video(tmp_path / "a.mp4", frames, fps=25)
    assert np.abs(read_frames(tmp_path / "a.mp4", [0]).pixels.astype(int) - frames[0]).max() <= 4


def test_the_same_input_makes_the_same_bytes(tmp_path):
    digests = set()
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, grey_frames(10), fps=25, waveform=tone(0.4))
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_fewer_kilobits_make_a_smaller_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (25, 96, 128, 3), dtype=np.uint8)
    write_video(tmp_path / "small.mp4", noise, fps=25, video_kbps=50)
    write_video(tmp_path / "large.mp4", noise, fps=25, video_kbps=1000)
    assert (tmp_path / "small.mp4").stat().st_size * 2 < (tmp_path / "large.mp4").stat().st_size


def test_a_failure_leaves_what_was_there(tmp_path):
    def frames():
        yield from grey_frames(3)
        raise RuntimeError("the source broke")

    (tmp_path / "a.mp4").write_text("before")
    with pytest.raises(RuntimeError, match="broke"):
        write_video(tmp_path / "a.mp4", frames(), fps=25)
    assert (tmp_path / "a.mp4").read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_frames_of_another_kind_are_refused(tmp_path):
    with pytest.raises(ValueError, match="uint8"):
        write_video(tmp_path / "a.mp4", np.zeros((3, 48, 64, 3)), fps=25)
    with pytest.raises(ValueError, match="no frames"):
        write_video(tmp_path / "a.mp4", [], fps=25)
    with pytest.raises(ValueError, match="one size"):
        write_video(tmp_path / "a.mp4", [*grey_frames(1), *grey_frames(1, 50)], fps=25)
    assert not list(tmp_path.iterdir())


def test_a_sound_file_of_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match="xyz"):
        write_audio(tmp_path / "a.xyz", tone(0.1))

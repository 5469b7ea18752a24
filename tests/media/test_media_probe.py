import zipfile

import av
import numpy as np
import pytest
from PIL import Image

from avfake.errors import MediaError
from avfake.limits import Limits, limited
from avfake.media.files import local_file
from avfake.media.frames import read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

TIMES = [index / 25 for index in range(25)]


def reason_of(path):
    with pytest.raises(MediaError) as caught:
        probe(path)
    return caught.value.reason.code


def test_the_container_is_described(tmp_path, make_video):
    info = probe(make_video(tmp_path / "a.mp4", TIMES))
    assert (info.width, info.height, info.num_frames) == (64, 48, 25)
    assert info.fps == pytest.approx(25)
    assert info.duration_seconds == info.video_end_seconds == pytest.approx(1.0)
    assert (info.has_video, info.has_audio, info.video_codec) == (True, False, "h264")


def test_a_container_without_frame_count_says_none(tmp_path, make_video):
    info = probe(make_video(tmp_path / "a.mkv", TIMES))
    assert info.num_frames is None
    assert info.duration_seconds == pytest.approx(1.0, abs=0.01)


def test_a_live_stream_without_duration_is_walked_through(tmp_path, make_video):
    path = make_video(tmp_path / "a.mkv", TIMES)
    # Void (0xEC) in place of the duration element (0x4489), as a live recorder leaves it.
    content = path.read_bytes().replace(b"\x44\x89\x88", b"\xec\x89\x88", 1)
    content = content.replace(b"\xec\x89\x88", b"\xec\x80\xec", 1)
    path.write_bytes(content)
    with av.open(str(path)) as container:
        stated = container.duration
    info = probe(path)
    assert info.duration_seconds == pytest.approx(1.0, abs=0.05), stated


def test_sound_alone_is_described(tmp_path):
    write_audio(tmp_path / "a.flac", Waveform(np.zeros(22050, np.float32), 22050))
    info = probe(tmp_path / "a.flac")
    assert (info.has_video, info.has_audio) == (False, True)
    assert (info.sample_rate, info.num_channels, info.audio_codec) == (22050, 1, "flac")
    assert (info.width, info.fps) == (None, None)


def test_cover_art_is_no_video(tmp_path):
    Image.new("RGB", (32, 32), (200, 0, 0)).save(tmp_path / "cover.jpg")
    tone = np.sin(np.arange(44100) * 0.05).astype(np.float32)
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as container, av.open(str(tmp_path / "cover.jpg")) as cover:
        audio = container.add_stream("libmp3lame", rate=44100, layout="mono")
        picture = container.add_stream_from_template(cover.streams.video[0])
        picture.disposition = av.stream.Disposition.attached_pic
        packet = next(cover.demux(video=0))
        packet.stream = picture
        frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
        frame.sample_rate = 44100
        first = audio.encode(frame)
        container.mux(packet)
        container.mux(first + audio.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert not probe(path).has_video
    assert read_sound(path).waveform().duration_seconds == pytest.approx(1.0, abs=0.1)


def test_sample_times_are_midpoints(tmp_path, make_video):
    info = probe(make_video(tmp_path / "a.mp4", TIMES))
    assert info.sample_times(4).tolist() == pytest.approx([0.125, 0.375, 0.625, 0.875])
    with pytest.raises(ValueError, match="num_frames"):
        info.sample_times(0)


def test_what_is_not_media_is_named(tmp_path):
    text, empty = tmp_path / "text.mp4", tmp_path / "empty.mp4"
    text.write_text("this is no film\n" * 100)
    empty.touch()
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ntext.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "prose.txt").write_text("a plain text, which ffmpeg would draw\n" * 50)
    assert reason_of(text) == "not_media"
    assert reason_of(playlist) == "not_media"
    assert reason_of(tmp_path / "prose.txt") == "not_media"
    assert reason_of(tmp_path) == "not_media"
    assert reason_of(empty) == "empty_file"
    assert reason_of(tmp_path / "absent.mp4") == "file_missing"


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_photograph_is_a_picture_of_one_frame(tmp_path, ending):
    path = tmp_path / f"one%d.{ending}"  # never a pattern that names others
    Image.new("RGB", (48, 32), (200, 0, 0)).save(path)
    info = probe(path)
    assert (info.has_video, info.has_audio, info.width, info.height) == (True, False, 48, 32)
    frames = read_frames(path, info.sample_times(5))
    assert frames.pixels.shape == (1, 32, 48, 3)
    assert frames.pixels[0, 16, 24].tolist() == pytest.approx([200, 0, 0], abs=4)


def test_a_file_cut_before_its_index_is_not_media(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", TIMES)
    path.write_bytes(path.read_bytes()[:200])
    assert reason_of(path) == "not_media"


@pytest.fixture
def archive(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", TIMES)
    with zipfile.ZipFile(tmp_path / "parts.zip", "w") as writer:
        writer.write(path, "dir/a.mp4")
        writer.writestr("../up.mp4", b"x" * 5000)
        writer.writestr("empty.mp4", b"")
    return tmp_path / "parts.zip"


def test_files_in_archives_are_read_like_others(archive):
    path = f"{archive}!/dir/a.mp4"
    assert probe(path).num_frames == 25
    with local_file(path) as file:
        assert file.read_bytes() == (archive.parent / "a.mp4").read_bytes()
    assert not file.exists()


def test_archives_cannot_write_elsewhere_or_fill_the_disk(archive):
    with local_file(f"{archive}!/../up.mp4") as file:
        assert file.parent != archive.parent.parent
        assert file.name == "unpacked.mp4"
    with (
        limited(Limits(unpacked_gigabytes=1e-7)),
        pytest.raises(MediaError, match="unpacks to more than 1e-07 GB"),
        local_file(f"{archive}!/../up.mp4"),
    ):
        pass


def test_errors_name_the_path_inside_the_archive(archive):
    assert reason_of(f"{archive}!/dir/none.mp4") == "file_missing"
    assert reason_of(f"{archive}!/empty.mp4") == "empty_file"
    assert reason_of(f"{archive}!/../up.mp4") == "not_media"
    assert reason_of(f"{archive}x!/dir/a.mp4") == "file_missing"
    with pytest.raises(MediaError, match="parts.zip!/../up.mp4"):
        probe(f"{archive}!/../up.mp4")

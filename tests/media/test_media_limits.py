"""What a file may take: past a limit it is refused with a reason, before it costs much."""

import struct
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avfake.errors import ConfigError, MediaError
from avfake.limits import Limits, current, limited
from avfake.media import Waveform, local_file, probe, read_frames, read_sound, write_audio


def reason_of(path: Path | str, limits: Limits) -> str:
    with limited(limits), pytest.raises(MediaError) as caught:
        probe(path)
    return str(caught.value.reason.short)


def black_png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height))
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    file = tmp_path / "bomb.png"
    file.write_bytes(black_png(16_000, 16_000))
    assert file.stat().st_size < 100_000
    expected = "file:too_large (16000 x 16000 px; up to 120 megapixels are taken)"
    assert reason_of(file, Limits()) == expected
    file.write_bytes(black_png(300, 200))
    assert "up to 0.05 megapixels" in reason_of(file, Limits(megapixels=0.05))
    with limited(Limits(megapixels=0.06)):
        assert probe(file).width == 300


def test_pictures_that_grow_inside_a_stream_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "growing.mkv"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for at, (height, width) in enumerate([(48, 64)] * 5 + [(480, 640)] * 5):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
            encoder.time_base = Fraction(1, 5)
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8))
            for packet in encoder.encode(frame.reformat(format="yuvj420p")):
                packet.stream, packet.pts, packet.dts = stream, at, at
                packet.time_base = encoder.time_base
                container.mux(packet)
    with limited(Limits(megapixels=0.1)):
        frames = read_frames(file, np.arange(10) / 5)
    assert frames.pixels.shape[1:] == (48, 64, 3)
    assert len(frames) == 5


def test_a_file_that_lasts_too_long_is_not_read(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", Waveform(np.zeros(8000 * 4, np.float32), 8000))
    found = reason_of(tmp_path / "a.wav", Limits(hours=3 / 3600))
    assert found == "file:too_long (it lasts 4 s; up to 3 s are taken)"


def test_streams_and_silent_tracks_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "tracks.mkv"
    with av.open(str(file), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(5)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
    assert reason_of(file, Limits(streams=4)) == "file:too_many (5 streams; up to 4 are taken)"
    with limited(Limits(tracks=2)):
        [note] = [one for one in read_sound(file).notes if one.code == "left_out"]
    assert note.detail == "3 of 5 sound tracks"
    assert not [one for one in read_sound(file).notes if one.code == "left_out"]


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mp4", bytes(3_000_000))
    with (
        limited(Limits(unpacked_gigabytes=0.002)),
        pytest.raises(MediaError, match="it unpacks to more than 0.002 GB"),
        local_file(f"{tmp_path}/a.zip!/a.mp4"),
    ):
        pass


def test_limits_hold_inside_alone_and_must_be_positive() -> None:
    with limited(Limits(hours=1)):
        assert current().hours == 1
    assert current() == Limits()
    for wrong in ({"hours": 0}, {"seconds": float("nan")}, {"streams": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Limits(**wrong)

import zipfile
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
import pytest

from avfake.errors import MediaError
from avfake.media.clock import _move
from avfake.media.frames import (
    decoded_pictures,
    iter_frames,
    read_frames,
    read_frames_in_parts,
)
from avfake.media.opening import UnsafeThreadsError, open_media
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio, write_video

READERS = [
    probe,
    lambda path: read_frames(path, [0.0, 0.3, 30.0]),
    lambda path: list(iter_frames(path)),
    lambda path: read_sound(path, max_seconds=0.2),
    lambda path: read_sound(path).waveform(),
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    tone = Waveform(0.4 * np.sin(np.arange(16_000) * 0.1).astype(np.float32), 16_000)
    write_video(folder / "a.mp4", noise, fps=25, waveform=tone)
    for ending in ("mkv", "ts"):
        copy_streams(folder / "a.mp4", folder / f"a.{ending}")
    for ending in ("mp3", "flac", "opus"):
        write_audio(folder / f"a.{ending}", tone)
    return sorted(folder.iterdir())


def copy_streams(source, target):
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        streams = {s.index: container.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                container.mux(packet)


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_file_gives_what_is_left_or_a_reason(tmp_path, sources, seed):
    rng = np.random.default_rng(seed)
    for source in sources:
        content = bytearray(source.read_bytes())
        for place in rng.integers(len(content), size=rng.integers(1, 30)):
            content[place] = rng.integers(256)
        if seed % 3 == 0:
            content = content[: rng.integers(1, len(content))]
        path = tmp_path / source.name
        path.write_bytes(content)
        for read in READERS:
            with suppress(MediaError):  # anything else fails the test
                read(path)


@pytest.fixture
def scratched(sources, tmp_path):
    """Pictures of H.264 of which some in the middle are damaged."""
    content = bytearray(sources[0].with_name("a.mp4").read_bytes())
    middle = len(content) * 4 // 10
    content[middle : middle + 300] = np.random.default_rng(0).bytes(300)
    path = tmp_path / "scratched.mp4"
    path.write_bytes(content)
    return path


def test_threads_end_at_damage_and_one_alone_goes_on(scratched):
    with open_media(scratched, threads=2) as media, pytest.raises(UnsafeThreadsError):
        list(decoded_pictures(media))
    with open_media(scratched) as media:
        left = len(list(decoded_pictures(media)))
    assert 5 <= left < 20
    assert media.picture_damage.notes()


def test_damaged_pictures_are_read_alike_however_they_are_read(scratched, monkeypatch):
    """What was given before the damage is not given again."""

    def read():
        times = np.arange(20) / 25
        whole = read_frames(scratched, times)
        one_by_one = list(read_frames_in_parts(scratched, times, max_bytes=1))
        assert {part.notes for part in one_by_one[-1:]} == {whole.notes}
        parts = [(part.seconds[0], part.pixels[0]) for part in one_by_one]
        streamed = list(iter_frames(scratched))
        return list(zip(whole.seconds, whole.pixels, strict=True)), parts, streamed

    threaded = [read() for _ in range(5)]
    monkeypatch.setattr("avfake.media.frames.NUM_THREADS", 1)
    for found in threaded:
        for given, wanted in zip(found, read(), strict=True):
            assert [at for at, _ in given] == [at for at, _ in wanted]
            np.testing.assert_array_equal([p for _, p in given], [p for _, p in wanted])


def test_a_sound_of_an_unknown_codec_is_left_out(tmp_path, sources):
    [source] = [one for one in sources if one.suffix == ".mkv"]
    content = source.read_bytes()
    assert content.count(b"A_AAC") == 1
    broken = tmp_path / "unknown.mkv"
    broken.write_bytes(content.replace(b"A_AAC", b"A_XYZ"))
    assert probe(broken).has_video
    assert not probe(broken).has_audio
    assert len(list(iter_frames(broken))) == 20


def test_the_end_of_an_archive_alone_is_no_archive(tmp_path, sources):
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.write(sources[0], "a.mp4")
    cut = tmp_path / "cut.zip"
    cut.write_bytes((tmp_path / "whole.zip").read_bytes()[500:])
    with pytest.raises(MediaError, match="cut.zip"):
        probe(f"{cut}!/a.mp4")


def test_a_stamp_past_what_a_container_holds_is_none():
    packet = av.Packet(4)
    packet.time_base, packet.pts, packet.dts = Fraction(1, 1000), 5, 2**62 - 10
    _move(packet, 1.0)
    assert (packet.pts, packet.dts) == (1005, None)

import numpy as np
import pytest

from avfake.media.frames import iter_frames, read_frames
from avfake.media.needed import needed_packets
from avfake.media.opening import open_media, read_packets

TIMES = [index / 25 for index in range(150)]
NO_REFERENCES = {"bf": "3", "x264-params": "b-pyramid=none:b-adapt=0:bframes=3"}


TEXTURE = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8).repeat(4, 0).repeat(4, 1)


def moving(index: int) -> np.ndarray:
    return np.roll(TEXTURE, (index, 2 * index), axis=(0, 1))


@pytest.fixture
def make_moving(tmp_path, make_video):
    def make(ending="mp4", **encoding):
        return make_video(tmp_path / f"a.{ending}", TIMES, picture=moving, **encoding)

    return make


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"g": "12", **NO_REFERENCES}),
        ("libx264", {"g": "250", "bf": "5", "x264-params": "b-pyramid=strict"}),
        ("libx264", {"x264-params": "open-gop=1:keyint=10:min-keyint=10:bframes=3:scenecut=0"}),
        ("libx264", {"g": "9", "bf": "0", "x264-params": "intra-refresh=1"}),
        ("libx265", {"x265-params": "keyint=12:bframes=4:open-gop=1:log-level=none"}),
        ("mpeg4", {"bf": "2", "g": "10", "qmin": "1", "qmax": "2"}),
    ],
)
def test_each_picture_is_the_one_that_a_whole_decoding_shows(make_moving, codec, options, ending):
    path = make_moving(ending, codec=codec, options=options)
    everything = list(iter_frames(path))
    seconds = np.array([time for time, _ in everything])
    for wanted in ([0.0, 5.9], [0.31, 0.35, 2.0, 4.44], np.linspace(0.1, 5.9, 12), [5.99]):
        frames = read_frames(path, wanted)
        shown = np.unique(np.searchsorted(seconds, np.array(wanted) + 1e-6, side="right") - 1)
        assert np.array_equal(frames.seconds, seconds[shown])
        for found, index in zip(frames.pixels, shown, strict=True):
            assert np.array_equal(found, everything[index][1])


def count(path, wanted) -> tuple[int, int]:
    """Return the number of packets that are decoded, and of pictures that come out."""
    with open_media(path) as media:
        stream = media.video
        packets = needed_packets(
            stream, read_packets(media, stream), np.array(wanted), media.clock.zero_seconds
        )
        found = [(packet is not None, len(stream.decode(packet))) for packet in packets]
    return sum(one for one, _ in found), sum(number for _, number in found)


def test_only_the_groups_with_a_wanted_picture_are_decoded(make_moving):
    path = make_moving(options={"g": "10", "bf": "0"})
    packets, pictures = count(path, [0.0, 4.05])
    assert packets <= 2 + 3 + 2
    assert pictures == packets


def test_pictures_that_none_refers_to_are_decoded_only_where_shown(make_moving):
    path = make_moving(options={"g": "250", **NO_REFERENCES})
    packets, pictures = count(path, [0.05, 5.9])
    assert packets >= 148
    assert 150 / 4 <= pictures <= 150 / 4 + 8


def test_nothing_after_the_last_wanted_picture_is_decoded(make_moving):
    path = make_moving(options={"g": "250", "bf": "3"})
    assert count(path, [0.5])[0] <= 0.5 * 25 + 6


def test_a_file_with_one_key_frame_is_decoded_once(make_moving, monkeypatch):
    monkeypatch.setattr("avfake.media.frames.JUMP_SECONDS", 1.0)
    opened = []
    monkeypatch.setattr(
        "avfake.media.frames.reopened", lambda media: opened.append(1) or open_media(media.file)
    )
    path = make_moving(options={"g": "250", "bf": "0"})
    frames = read_frames(path, [0.0, 2.0, 4.0, 5.9])
    assert len(frames) == 4
    assert len(opened) == 1

"""What comes out of a codec is what went in, in place and in number, and worse."""

import os

import av
import numpy as np
import pytest
from augment_samples import RATE, blocks, chirp, sample_of, tone

from avfake.augment.picture import codecs as video
from avfake.augment.picture.codecs import through_video
from avfake.augment.presets import PICTURE
from avfake.augment.sound import audio_codec as audio
from avfake.augment.sound.audio_codec import through_codec

VIDEO, AUDIO = (
    [name for name, encoder in encoders.items() if encoder.name in av.codecs_available]
    for encoders in (video.ENCODERS, audio.ENCODERS)
)


def error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_this_build_has_codecs_to_draw() -> None:
    assert {"h264", "vp9"} <= set(VIDEO)
    assert {"aac", "mp3", "opus", "alaw", "mulaw"} <= set(AUDIO)


@pytest.mark.parametrize("codec", VIDEO)
@pytest.mark.parametrize("num_frames", [1, 8])
def test_frames_come_back_in_number_order_and_place(codec: str, num_frames: int) -> None:
    faces = blocks(8, 96)[:num_frames].copy()
    for place, face in enumerate(faces):  # a number that no codec of these rates blurs away
        face[10 + 8 * place : 16 + 8 * place, 40:80] = 250
    coded = through_video(faces, codec=codec, crf=20.0)
    assert (coded.shape, coded.dtype) == (faces.shape, np.uint8)
    errors = [[error(a, b) for b in faces] for a in coded]
    assert [int(np.argmin(row)) for row in errors] == list(range(num_frames))
    assert max(row[i] for i, row in enumerate(errors)) < 4
    shifted = [error(coded[0], np.roll(faces[0], shift, axis=1)) for shift in (-1, 0, 1)]
    assert int(np.argmin(shifted)) == 1


@pytest.mark.parametrize("codec", VIDEO)
def test_more_crf_and_fewer_pixels_lose_more(codec: str) -> None:
    faces = blocks(4)
    faces[:, ::6] = 40
    errors = [
        error(through_video(faces, codec=codec, crf=crf, share=share), faces)
        for crf, share in ((17.0, 1.0), (40.0, 1.0), (40.0, 0.67))
    ]
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux alone names it so")
@pytest.mark.parametrize("codec", VIDEO)
def test_an_encoder_leaves_the_priority_of_its_caller_alone(codec: str) -> None:
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    through_video(blocks(2), codec=codec, crf=20.0)
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before


@pytest.mark.parametrize("tune", video.ENCODERS["h264"].tunes)
def test_every_tune_is_known_to_the_encoder(tune: str) -> None:
    assert len(through_video(blocks(3, 65), codec="h264", crf=23.0, tune=tune)) == 3


def test_every_tune_of_h265_is_known_to_the_encoder() -> None:
    if "h265" not in VIDEO:
        pytest.skip("this build of PyAV has no libx265")
    for tune in video.ENCODERS["h265"].tunes:
        assert len(through_video(blocks(2), codec="h265", crf=23.0, tune=tune)) == 2


def test_codecs_that_are_not_there_or_too_coarse_are_not_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng, (transform,) = np.random.default_rng(0), PICTURE["video_codec"]
    small = sample_of(blocks(2, 48))
    drawn = {transform.parameters(small, rng)["codec"] for _ in range(50)}
    assert drawn == {"h264", "vp9"}
    monkeypatch.setattr(av, "codecs_available", set())
    assert transform.parameters(small, rng) is None


@pytest.mark.parametrize("codec", AUDIO)
@pytest.mark.parametrize("seconds", [1.0, 0.2173])
def test_sound_comes_back_as_long_and_not_late(codec: str, seconds: float) -> None:
    row = chirp()[: round(seconds * RATE)]
    kbps = max(audio.ENCODERS[codec].kbps, default=0)
    coded = through_codec(row, RATE, codec=codec, kbps=kbps)
    assert (coded.shape, coded.dtype) == (row.shape, np.float32)
    reach = 400
    against = [
        np.corrcoef(row[reach:-reach], np.roll(coded, lag)[reach:-reach])[0, 1]
        for lag in range(-reach, reach + 1)
    ]
    assert abs(int(np.argmax(against)) - reach) <= 1
    assert max(against) > 0.95


def test_g711_keeps_a_voice_and_drops_what_a_telephone_drops() -> None:
    for codec in ("alaw", "mulaw"):
        low, high = (
            through_codec(tone(hertz), RATE, codec=codec, kbps=0) for hertz in (1_000, 6_000)
        )
        assert np.std(low) == pytest.approx(np.std(tone(1_000)), rel=0.03)
        assert np.std(high) < 0.05 * np.std(tone(6_000))


def test_fewer_bits_lose_more() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    for codec in ("aac", "mp3", "opus"):
        rates = audio.ENCODERS[codec].kbps
        errors = [
            np.mean((through_codec(noise, RATE, codec=codec, kbps=kbps) - noise) ** 2)
            for kbps in (rates[-1], rates[0])
        ]
        assert errors[0] < errors[1]


def test_two_crops_can_be_coded_however_often() -> None:
    # With frames that refer to later ones, x265 gave one such clip in fifty times no file holds.
    faces = np.random.default_rng(0).integers(0, 255, (2, 128, 128, 3), dtype=np.uint8)
    for number in range(150):
        coded = through_video(faces, codec="h265", crf=17.0 + number % 20)
        assert coded.shape == faces.shape

"""All of the sound of a file, in pieces, with what was noticed on the way."""

import wave

import av
import numpy as np
import pytest

from avfake.errors import MediaError
from avfake.media.blocks import sound_blocks
from avfake.media.opening import Damage, open_media
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

RATE = 16_000


def write_wav(path, channels, rate=RATE, codec="pcm_s16le"):
    """[C, N] in [-1, 1] (or beyond, for floats) as a WAV file."""
    layout = {1: "mono", 2: "stereo", 4: "quad"}[len(channels)]
    floats = codec == "pcm_f32le"
    packed = channels.T.ravel() if floats else np.round(channels.T.ravel() * 32767)
    form = "flt" if floats else "s16"
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(
            packed.astype("<f4" if floats else "<i2")[None], format=form, layout=layout
        )
        frame.sample_rate = rate
        container.start_encoding()
        if channels.size:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ramp(seconds, rate=RATE):
    """Sound whose every sample tells its time: a slow chirp."""
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (50 * times + 0.5 * times**2))).astype(np.float32)


def codes(sound):
    return [note.code for note in sound.notes]


def test_sound_without_a_gap_is_one_piece(tmp_path):
    sound = read_sound(write_wav(tmp_path / "a.wav", ramp(25.0)[None]))
    (piece,) = sound.pieces
    assert (piece.start_seconds, sound.total_seconds, sound.notes) == (0.0, 25.0, ())
    assert piece.samples.dtype == np.float32
    assert np.abs(piece.samples - ramp(25.0)).max() < 1e-3


def test_of_long_sound_even_pieces_are_kept(tmp_path):
    whole = ramp(100.0)
    sound = read_sound(write_wav(tmp_path / "a.wav", whole[None]), max_seconds=20)
    assert sound.total_seconds == 100.0
    assert [piece.start_seconds for piece in sound.pieces] == [20.0, 70.0]
    for piece in sound.pieces:
        assert len(piece.samples) == 10 * RATE
        start = round(piece.start_seconds * RATE)
        assert np.abs(piece.samples - whole[start : start + 10 * RATE]).max() < 1e-3


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_what_is_kept_is_what_the_whole_gives(tmp_path, rate):
    path = write_wav(tmp_path / "a.wav", ramp(41.3, rate)[None], rate)
    whole = read_sound(path).waveform().samples
    sound = read_sound(path, max_seconds=17.0)
    assert sum(len(piece.samples) for piece in sound.pieces) / sound.sample_rate == pytest.approx(
        17.0, abs=1e-3
    )
    for piece in sound.pieces:
        start = round(piece.start_seconds * RATE)
        np.testing.assert_array_equal(piece.samples, whole[start : start + len(piece.samples)])


def test_the_rest_of_long_sound_is_not_held(tmp_path):
    import tracemalloc

    with wave.open(str(tmp_path / "a.wav"), "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        for _ in range(60):
            writer.writeframes(np.full(10 * RATE, 1000, "<i2").tobytes())
    tracemalloc.start()
    sound = read_sound(tmp_path / "a.wav", max_seconds=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sound.total_seconds == 600.0
    assert peak < 4 * 20 * RATE * 4  # all of it would be 38 MB, what is kept is 1.3 MB


def test_pieces_are_not_bridged_by_silence(tmp_path, make_delayed_sound):
    path = make_delayed_sound(
        tmp_path / "a.mkv", delay_seconds=0.5, click_seconds=0.75, audio_codec="pcm_s16le"
    )
    sound = read_sound(path)
    (piece,) = sound.pieces
    assert piece.start_seconds == pytest.approx(0.5, abs=2e-3)
    assert sound.total_seconds == pytest.approx(2.0, abs=2e-3)
    click = piece.start_seconds + np.abs(piece.samples).argmax() / RATE
    assert click == pytest.approx(0.75, abs=2e-3)


@pytest.mark.parametrize("rate", [RATE, 48_000])
@pytest.mark.parametrize("opposite", [1.0, 0.95])
def test_channels_that_cancel_are_heard_by_one(tmp_path, opposite, rate):
    tone = ramp(2.0, rate)
    path = write_wav(tmp_path / "a.wav", np.stack([tone, -opposite * tone]), rate)
    sound = read_sound(path)
    assert codes(sound) == ["one_channel"]
    assert np.abs(sound.pieces[0].samples - ramp(2.0))[100:-100].max() < 1e-2
    assert not read_sound(path).waveform().is_silent


def test_a_constant_offset_does_not_hide_that_channels_cancel(tmp_path):
    tone = 0.5 * ramp(2.0)
    sound = read_sound(write_wav(tmp_path / "a.wav", np.stack([tone + 0.3, -tone + 0.3])))
    assert codes(sound) == ["one_channel"]
    assert np.abs(sound.pieces[0].samples - tone - 0.3).max() < 1e-3


@pytest.mark.parametrize("other", [0.0, 0.5, 1.0])
def test_channels_that_do_not_cancel_are_averaged(tmp_path, other):
    tone = ramp(1.0)
    sound = read_sound(write_wav(tmp_path / "a.wav", np.stack([tone, other * tone])))
    assert sound.notes == ()
    assert np.abs(sound.pieces[0].samples - tone * (1 + other) / 2).max() < 1e-3


@pytest.mark.parametrize("full", [1.5, 32767.0, 8388607.0])
def test_floats_beyond_full_scale_are_scaled(tmp_path, full):
    path = write_wav(tmp_path / "a.wav", full * 2 * ramp(2.0)[None], codec="pcm_f32le")
    sound = read_sound(path)
    assert codes(sound) == ["scaled_samples"]
    assert f"the largest is {full:.8g} " in sound.notes[0].detail
    assert np.abs(sound.pieces[0].samples - 2 * ramp(2.0)).max() < 1e-3


def test_one_damaged_float_does_not_decide_the_scale(tmp_path):
    samples = ramp(3.0).copy()
    samples[5000] = 3e7
    sound = read_sound(write_wav(tmp_path / "a.wav", samples[None], codec="pcm_f32le"))
    assert sound.notes == ()
    assert np.abs(sound.pieces[0].samples - ramp(3.0))[5001:].max() < 1e-3


def test_floats_at_full_scale_stay(tmp_path):
    sound = read_sound(write_wav(tmp_path / "a.wav", 2 * ramp(1.0)[None], codec="pcm_f32le"))
    assert sound.notes == ()
    assert np.abs(sound.pieces[0].samples - 2 * ramp(1.0)).max() < 1e-6


def test_samples_that_are_no_numbers_are_silence_with_a_share(tmp_path):
    samples = ramp(2.0).copy()
    samples[:4000] = np.nan
    samples[4000:8000] = np.inf
    sound = read_sound(write_wav(tmp_path / "a.wav", samples[None], codec="pcm_f32le"))
    assert codes(sound) == ["not_numbers"]
    assert sound.notes[0].detail.startswith("25 %")
    assert not sound.pieces[0].samples[:8000].any()
    assert np.abs(sound.pieces[0].samples - ramp(2.0))[8000:].max() < 1e-6


@pytest.mark.parametrize(
    ("samples", "code"), [(np.full(8000, np.nan), "not_numbers"), (np.zeros(0), "too_short")]
)
def test_sound_of_which_nothing_is_there_says_why(tmp_path, samples, code):
    path = write_wav(tmp_path / "a.wav", samples[None], codec="pcm_f32le")
    with pytest.raises(MediaError) as caught:
        read_sound(path)
    assert caught.value.reason.code == code


def test_loud_lossy_sound_is_clipped_as_a_player_does(tmp_path):
    loud = np.sign(ramp(2.0)).astype(np.float32)
    write_audio(tmp_path / "a.mp3", Waveform(loud, RATE), kbps=32)
    sound = read_sound(tmp_path / "a.mp3")
    assert sound.notes == ()
    assert np.abs(sound.pieces[0].samples).max() == 1.0


@pytest.mark.parametrize(
    ("ending", "codec", "layout"),
    [("m4a", "aac", "7.1"), ("m4a", "aac", "hexadecagonal"), ("m4a", "aac", "5.1")]
    + [("mkv", "wavpack", layout) for layout in ("7.1", "7.1.4", "22.2")],
)
def test_many_channels_are_read_as_they_are(tmp_path, ending, codec, layout):
    path, count = tmp_path / f"a.{ending}", av.AudioLayout(layout).nb_channels
    sine = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.repeat(sine, count)[None], format="flt", layout=layout)
    frame.sample_rate, frame.pts = RATE, 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        form = {"aac": "fltp", "wavpack": "s16p"}[codec]
        stream.codec_context.format = form
        resampler = av.AudioResampler(form, layout, RATE, frame_size=1024)
        for ready in (*resampler.resample(frame), *resampler.resample(None), None):
            container.mux(stream.encode(ready))
    with open_media(path) as media:
        blocks = [block.channels for block in sound_blocks(media, Damage())]
    assert {block.shape[0] for block in blocks} == {count}
    heard = np.concatenate(blocks, axis=1)
    quiet = {"aac": 1}.get(codec, 0)  # the encoder filters the channel of low frequencies
    assert np.sum(np.corrcoef(heard[:, 4000:12000])[0] > 0.99) >= count - quiet
    assert np.abs(heard).max() < 0.6
    (piece,) = read_sound(path).pieces
    assert 0.15 < np.sqrt(np.mean(piece.samples[4000:12000] ** 2)) < 0.23

import struct

import av
import numpy as np
import pytest

from avfake.errors import MediaError
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio, write_video


def burst(rate, at_seconds, duration=2.0):
    """A short tone; its centre of energy is known."""
    seconds = np.arange(round(duration * rate)) / rate
    window = np.exp(-0.5 * ((seconds - at_seconds) / 0.003) ** 2)
    return (0.8 * window * np.sin(2 * np.pi * 1500 * seconds)).astype(np.float32)


def centre_seconds(waveform):
    energy = waveform.samples.astype(np.float64) ** 2
    return float((energy * np.arange(len(energy))).sum() / energy.sum()) / waveform.sample_rate


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "m4a", "opus", "ogg"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_sound_keeps_its_place_and_level_in_any_codec(tmp_path, ending, rate):
    path = tmp_path / f"a.{ending}"
    write_audio(path, Waveform(burst(rate, 1.25), rate))
    waveform = read_sound(path).waveform()
    assert waveform.sample_rate == 16_000
    assert centre_seconds(waveform) == pytest.approx(1.25, abs=1e-3)
    assert np.abs(waveform.samples).max() == pytest.approx(0.8, abs=0.1)
    assert waveform.duration_seconds == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "aac"), ("mkv", "aac"), ("mkv", "pcm_s16le"), ("mkv", "libopus")]
)
def test_a_late_start_is_filled_with_silence(tmp_path, make_delayed_sound, ending, codec):
    path = make_delayed_sound(
        tmp_path / f"a.{ending}", delay_seconds=0.5, click_seconds=0.75, audio_codec=codec
    )
    waveform = read_sound(path).waveform()
    assert centre_seconds(waveform) == pytest.approx(0.75, abs=2e-3)
    assert np.abs(waveform.samples[:7000]).max() < 1e-2


def test_pictures_and_sound_share_one_clock(tmp_path):
    # The flash and the tone are at second 1, also where the container starts at 1.4 s (MPEG-TS).
    frames = np.zeros((50, 48, 64, 3), np.uint8)
    frames[25:27] = 255
    write_video(tmp_path / "a.mp4", frames, fps=25, waveform=Waveform(burst(48000, 1.0), 48000))
    assert centre_seconds(read_sound(tmp_path / "a.mp4").waveform()) == pytest.approx(1.0, abs=1e-3)
    with av.open(str(tmp_path / "a.mp4")) as source, av.open(str(tmp_path / "a.ts"), "w") as sink:
        streams = {s.index: sink.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                sink.mux(packet)
    assert centre_seconds(read_sound(tmp_path / "a.ts").waveform()) == pytest.approx(1.0, abs=0.03)


def test_channels_are_averaged_in_every_sample_format(tmp_path):
    left, right = np.full(4800, 0.8), np.full(4800, -0.2)
    for kind, form in [("s16", "<i2"), ("s32", "<i4"), ("flt", "<f4"), ("u8", "u1")]:
        scale = {"s16": 2**15, "s32": 2**31, "flt": 1, "u8": 128}[kind]
        packed = (np.stack([left, right], axis=1) * scale + (128 if kind == "u8" else 0)).ravel()
        frame = av.AudioFrame.from_ndarray(packed.astype(form)[None], format=kind, layout="stereo")
        frame.sample_rate = 16_000
        codec = {"s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "u8": "pcm_u8"}[kind]
        with av.open(str(tmp_path / "a.wav"), "w") as container:
            stream = container.add_stream(codec, rate=16_000, layout="stereo")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert read_sound(tmp_path / "a.wav").waveform().samples == pytest.approx(0.3, abs=0.01), (
            kind
        )


def test_a_truncated_sound_gives_what_is_there(tmp_path):
    path = tmp_path / "a.mp3"
    write_audio(path, Waveform(burst(16000, 0.5), 16000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    waveform = read_sound(path).waveform()
    assert 0.8 < waveform.duration_seconds < 1.4
    assert centre_seconds(waveform) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("rate", "is_read"), [(768_000, True), (2**31 - 1, False)])
def test_a_rate_that_no_recording_has_is_damage(tmp_path, rate, is_read):
    path = tmp_path / "a.wav"
    write_audio(path, Waveform(burst(16000, 0.5), 16000))
    content = path.read_bytes()
    assert content[24:28] == struct.pack("<I", 16000)
    path.write_bytes(content[:24] + struct.pack("<I", rate) + content[28:])
    if is_read:
        seconds = probe(path).duration_seconds
        assert read_sound(path).waveform().duration_seconds == pytest.approx(seconds, abs=1e-3)
        return
    with pytest.raises(MediaError) as caught:
        read_sound(path)
    assert caught.value.reason.code == "decode_error"
    assert "2147483647 samples a second" in str(caught.value)


def test_pictures_alone_have_no_sound(tmp_path, make_video):
    with pytest.raises(MediaError) as caught:
        read_sound(make_video(tmp_path / "a.mp4", [0.0, 0.04])).waveform()
    assert caught.value.reason.code == "no_audio"


def test_resampling_keeps_the_instant():
    for rate in (8_000, 22_050, 48_000):
        moved = Waveform(burst(44_100, 0.7), 44_100).resampled(rate)
        assert len(moved.samples) == 2 * rate
        assert centre_seconds(moved) == pytest.approx(0.7, abs=1e-4)

"""A converted voice says the same at the same time and loudness, in another pitch."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from avfake.errors import ConfigError
from avfake.forgery.vocoders import CONVERSIONS, convert_voice
from avfake.media.types import Waveform

RATE = 16_000


def hum(pitch_hz: float, sample_rate: int = RATE, seconds: float = 1.5) -> Waveform:
    """A buzz with falling harmonics, in four syllables, with a pause of a quarter."""
    times = np.arange(int(seconds * sample_rate)) / sample_rate
    harmonics = np.arange(1, int(0.4 * sample_rate / pitch_hz))
    buzz = sum(np.cos(2 * np.pi * k * pitch_hz * times) / k for k in harmonics)
    loudness = np.maximum(np.sin(2 * np.pi * 3 * times), 0) + 0.02
    return Waveform((0.1 * buzz * loudness).astype(np.float32), sample_rate)


def converted(waveform: Waveform, method, pitch=1.0, formant=1.0, difficulty=0.3, seed=0):
    return convert_voice(
        waveform,
        method=method,
        pitch_ratio=pitch,
        formant_ratio=formant,
        difficulty=difficulty,
        rng=np.random.default_rng(seed),
    )


def pitch_of(waveform: Waveform) -> float:
    spectrum = np.abs(np.fft.rfft(waveform.samples, 2 * len(waveform.samples))) ** 2
    correlation = np.fft.irfft(spectrum)
    shortest, longest = waveform.sample_rate // 400, waveform.sample_rate // 70
    return waveform.sample_rate / (shortest + correlation[shortest:longest].argmax())


def loudness_of(waveform: Waveform) -> np.ndarray:
    power = uniform_filter1d(waveform.samples.astype(float) ** 2, waveform.sample_rate // 25)
    return np.sqrt(np.maximum(power, 0))


@pytest.mark.parametrize("method", CONVERSIONS)
@pytest.mark.parametrize("sample_rate", [16_000, 24_000, 44_100])
def test_length_and_loudness_stay(method, sample_rate: int) -> None:
    before = hum(130, sample_rate)
    after = converted(before, method, pitch=1.3, formant=1.1)
    assert after.samples.shape == before.samples.shape
    assert after.sample_rate == sample_rate
    levels = [np.sqrt(np.mean(w.samples.astype(float) ** 2)) for w in (before, after)]
    assert levels[1] == pytest.approx(levels[0], rel=1e-3)
    assert np.corrcoef(loudness_of(before), loudness_of(after))[0, 1] > 0.95
    assert not np.allclose(before.samples, after.samples, atol=0.01)


@pytest.mark.parametrize("method", CONVERSIONS)
@pytest.mark.parametrize("ratio", [0.75, 1.0, 1.5])
def test_the_pitch_moves_as_asked(method, ratio: float) -> None:
    after = converted(hum(160), method, pitch=ratio, difficulty=0.8)
    assert pitch_of(after) == pytest.approx(160 * ratio, rel=0.04)


@pytest.mark.parametrize("method", CONVERSIONS)
def test_a_shorter_vocal_tract_sounds_brighter(method) -> None:
    def centroid(waveform: Waveform) -> float:
        spectrum = np.abs(np.fft.rfft(waveform.samples))
        return float((spectrum * np.arange(len(spectrum))).sum() / spectrum.sum())

    dark, bright = (centroid(converted(hum(130), method, formant=f)) for f in (0.8, 1.25))
    assert bright > 1.1 * dark


@pytest.mark.parametrize("method", CONVERSIONS)
def test_the_same_seed_gives_the_same_sound(method) -> None:
    first, second = (converted(hum(130), method, pitch=1.2, seed=4) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)


def test_silence_stays_silent() -> None:
    silence = Waveform(np.zeros(8000, np.float32), RATE)
    assert converted(silence, "griffin_lim").is_silent


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"pitch": 3.0}, "pitch_ratio"),
        ({"formant": 0.1}, "formant_ratio"),
        ({"difficulty": 2}, "difficulty"),
        ({"method": "magic"}, "method"),
    ],
)
def test_settings_out_of_range_are_named(wrong, word: str) -> None:
    settings = {"method": "griffin_lim"} | wrong
    with pytest.raises(ConfigError, match=word):
        converted(hum(130), **settings)

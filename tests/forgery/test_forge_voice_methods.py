"""Every forgery of a voice keeps what was said and when, and changes what it says it changes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter1d
from subjects import talking_head

from avfake.errors import ConfigError
from avfake.forgery.codecs import lpc_codec, lpc_vocoder, neural_codec, quantise_vectors, whitening
from avfake.forgery.edits import forge_segment, raise_rate, splice, stride_pattern
from avfake.forgery.spectra import Voice, minimum_phase
from avfake.forgery.vocoders import pulse_train, world_vocoder
from avfake.forgery.voice_methods import VOICE_METHODS, forge_voice
from avfake.media.types import Waveform

RATE = 16_000


def speech(seed: int = 1) -> Waveform:
    return talking_head(seed)[1]


def buzz(pitch_hz: float, seconds: float = 1.0, sample_rate: int = RATE) -> Waveform:
    times = np.arange(int(seconds * sample_rate)) / sample_rate
    harmonics = np.arange(1, int(0.4 * sample_rate / pitch_hz))
    made = sum(np.cos(2 * np.pi * k * pitch_hz * times) / k for k in harmonics)
    syllables = 0.1 + np.sin(np.pi * 4 * times) ** 2
    return Waveform((0.05 * made * syllables).astype(np.float32), sample_rate)


def level_of(waveform: Waveform) -> float:
    return float(np.sqrt(np.mean(waveform.samples.astype(float) ** 2)))


def rhythm_of(waveform: Waveform) -> np.ndarray:
    width = waveform.sample_rate // 25
    return np.sqrt(uniform_filter1d(waveform.samples.astype(float) ** 2, width).clip(0))


def spectral_distance(first: Waveform, second: Waveform) -> float:
    """Root mean square over frequency in dB, mean over time."""
    levels = [20 * Voice(w).spectrum.abs().clamp_min(1e-4).log10() for w in (first, second)]
    return float((levels[0] - levels[1]).square().mean(dim=0).sqrt().mean())


def pitch_of(waveform: Waveform) -> float:
    spectrum = np.abs(np.fft.rfft(waveform.samples, 2 * len(waveform.samples))) ** 2
    correlation = np.fft.irfft(spectrum)
    shortest, longest = waveform.sample_rate // 400, waveform.sample_rate // 70
    search = correlation[shortest:longest]
    # Two periods are as alike as one: the first of the highest peaks counts.
    peaks = np.flatnonzero(
        (search[1:-1] >= search[:-2]) & (search[1:-1] >= search[2:])
        & (search[1:-1] > 0.8 * search.max())
    )  # fmt: skip
    return waveform.sample_rate / (shortest + 1 + peaks[0])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", VOICE_METHODS)
def test_a_forged_voice_says_the_same_at_the_same_time(name: str, seed: int) -> None:
    before = speech(seed)
    after = forge_voice(before, rng=np.random.default_rng(seed), methods=[name])
    assert after.samples.shape == before.samples.shape
    assert after.sample_rate == before.sample_rate
    assert np.isfinite(after.samples).all()
    assert level_of(after) == pytest.approx(level_of(before), rel=0.06)
    assert spectral_distance(before, after) > 0.5
    if name != "splice":
        assert np.corrcoef(rhythm_of(before), rhythm_of(after))[0, 1] > 0.8


@pytest.mark.parametrize("name", VOICE_METHODS)
def test_the_same_seed_gives_the_same_voice(name: str) -> None:
    first, second, other = (
        forge_voice(speech(), rng=np.random.default_rng(seed), methods=[name]) for seed in (5, 5, 6)
    )
    assert np.array_equal(first.samples, second.samples)
    assert not np.array_equal(first.samples, other.samples)


@pytest.mark.parametrize("name", VOICE_METHODS)
@pytest.mark.parametrize("length", [1, 300, 3001])
def test_short_and_odd_lengths_are_forged_too(name: str, length: int) -> None:
    before = Waveform(buzz(130).samples[8000 : 8000 + length].copy(), 22_050)
    after = forge_voice(before, rng=np.random.default_rng(0), methods=[name])
    assert after.samples.shape == (length,)
    assert np.isfinite(after.samples).all()


@pytest.mark.parametrize("length", [0, 4000])
def test_silence_stays_silent(length: int) -> None:
    silence = Waveform(np.zeros(length, np.float32), RATE)
    assert forge_voice(silence, rng=np.random.default_rng(0)).samples.shape == (length,)
    assert forge_voice(silence, rng=np.random.default_rng(0)).is_silent


def test_nothing_leaves_full_scale() -> None:
    loud = Waveform(np.sign(buzz(130).samples).astype(np.float32), RATE)
    for name in VOICE_METHODS:
        made = forge_voice(loud, rng=np.random.default_rng(0), methods=[name])
        assert np.abs(made.samples).max() <= 1.0001


def test_unknown_methods_are_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'world'"):
        forge_voice(speech(), rng=np.random.default_rng(0), methods=["wrld"])


@pytest.mark.parametrize("ratio", [0.75, 1.0, 1.4])
@pytest.mark.parametrize("vocoder", ["world", "lpc"])
def test_the_pitch_moves_as_asked_and_else_stays(vocoder: str, ratio: float) -> None:
    before, rng = buzz(150), np.random.default_rng(0)
    if vocoder == "world":
        after = world_vocoder(before, pitch_ratio=ratio, formant_ratio=1, buzz=0.5, rng=rng)
    else:
        after = lpc_vocoder(before, pitch_ratio=ratio, formant_ratio=1, order=20, rng=rng)
    assert pitch_of(after) == pytest.approx(150 * ratio, rel=0.03)


@pytest.mark.parametrize("name", ["copy_mel", "neural_codec", "upsample", "strides"])
def test_copies_keep_the_pitch(name: str) -> None:
    after = forge_voice(buzz(150), rng=np.random.default_rng(1), methods=[name])
    assert pitch_of(after) == pytest.approx(150, rel=0.02)


@pytest.mark.parametrize("thinning", [1, 3])
def test_a_telephone_codec_keeps_the_pitch(thinning: int) -> None:
    rng = np.random.default_rng(1)
    after = lpc_codec(buzz(150), order=16, stages=3, thinning=thinning, rng=rng)
    assert pitch_of(after) == pytest.approx(150, rel=0.02)


@pytest.mark.parametrize("formant", [0.8, 1.25])
def test_the_tract_of_the_world_vocoder_stretches(formant: float) -> None:
    """One broad formant at 1.5 kHz moves to `formant` times that."""
    rng = np.random.default_rng(0)
    train = pulse_train(np.full(RATE, 120.0), RATE)
    hertz = np.fft.rfftfreq(RATE, 1 / RATE)
    bell = np.exp(-(((hertz - 1500) / 500) ** 2)) + 0.01
    voice = np.fft.irfft(np.fft.rfft(train) * bell, RATE).astype(np.float32) * 0.1
    made = world_vocoder(
        Waveform(voice, RATE), pitch_ratio=1, formant_ratio=formant, buzz=1, rng=rng
    )
    power = np.abs(np.fft.rfft(made.samples)) ** 2
    assert (power * hertz).sum() / power.sum() == pytest.approx(1500 * formant, rel=0.08)


def test_noise_stays_noise_and_a_voice_a_voice_in_the_world_vocoder() -> None:
    rng = np.random.default_rng(0)
    noise = Waveform(0.1 * rng.standard_normal(RATE).astype(np.float32), RATE)

    def periodicity(waveform: Waveform) -> float:
        power = np.abs(np.fft.rfft(waveform.samples, 2 * RATE)) ** 2
        correlation = np.fft.irfft(power)
        return float(correlation[RATE // 400 : RATE // 70].max() / correlation[0])

    copies = [
        world_vocoder(w, pitch_ratio=1, formant_ratio=1, buzz=0, rng=rng)
        for w in (noise, buzz(150))
    ]
    assert periodicity(copies[0]) < 0.2
    assert periodicity(copies[1]) > 0.8


def test_pulses_lie_between_samples_too() -> None:
    train = pulse_train(np.full(RATE, 123.4), RATE)
    assert np.mean(train**2) == pytest.approx(1, rel=0.5)
    assert train.sum() == pytest.approx(123 * np.sqrt(RATE / 123.4), rel=0.02)


def test_a_minimum_phase_filter_keeps_its_magnitudes_and_comes_first() -> None:
    logs = torch.cos(torch.linspace(0, 6, 257))[:, None]
    made = minimum_phase(logs)
    assert torch.allclose(made.abs().log(), logs, atol=0.02)
    energy = torch.fft.irfft(made[:, 0]).square()
    assert energy[:64].sum() > 0.99 * energy.sum()


def test_linear_prediction_finds_the_filter_of_a_known_tract() -> None:
    from scipy.signal import lfilter

    taps = np.array([1, -1.3, 0.8])
    noise = np.random.default_rng(0).standard_normal(RATE)
    filtered = Waveform(lfilter([1], taps, noise).astype(np.float32), RATE)
    whitener, _ = whitening(Voice(filtered).spectrum, 2)
    found = torch.fft.irfft(whitener, dim=0)[:3].mean(dim=1)
    assert np.allclose(found, taps, atol=0.05)


def test_more_stages_of_a_codebook_lose_less() -> None:
    vectors = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    losses = [
        float((quantise_vectors(vectors, stages=n, entries=256, rng=np.random.default_rng(0))
               - vectors).square().mean())
        for n in (1, 2, 4, 8)
    ]  # fmt: skip
    assert losses == sorted(losses, reverse=True)
    assert losses[0] < 0.6
    assert losses[3] < 0.05


def test_a_codec_of_many_bits_gives_the_sound_back() -> None:
    before = speech()
    after = neural_codec(before, stages=24, entries=256, width=4, rng=np.random.default_rng(0))
    assert np.allclose(before.samples, after.samples, atol=0.01 * np.abs(before.samples).max())


def test_splices_move_every_stretch_and_lose_none() -> None:
    tones = np.repeat(np.arange(1, 9), RATE // 8) * 300.0
    samples = 0.3 * np.sin(2 * np.pi * np.cumsum(tones) / RATE).astype(np.float32)
    rng = np.random.default_rng(0)
    made = splice(
        Waveform(samples, RATE), piece_seconds=0.2, fade_seconds=0.005, level_db=0, rng=rng
    )
    before, after = (np.abs(np.fft.rfft(x)) ** 2 for x in (samples, made.samples))
    shares = [
        p.reshape(-1)[1:].reshape(-1, 200).sum(axis=1)[:12] / p.sum() for p in (before, after)
    ]
    assert np.allclose(*shares, atol=0.03)
    assert abs(np.corrcoef(samples, made.samples)[0, 1]) < 0.5


def test_only_one_stretch_is_forged() -> None:
    before = speech()
    other = Waveform(-before.samples, before.sample_rate)
    after = forge_segment(
        before, lambda _: other, share=0.4, fade_seconds=0.01, rng=np.random.default_rng(0)
    )
    changed = np.flatnonzero(after.samples != before.samples)
    assert np.ptp(changed) < 0.4 * len(before.samples) <= np.ptp(changed) + 0.2 * before.sample_rate


def test_a_raised_rate_mirrors_the_spectrum() -> None:
    tone = Waveform(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32), RATE)
    spectra = [
        np.abs(np.fft.rfft(raise_rate(tone, share=0.5, hold=hold).samples)) for hold in (0.0, 1.0)
    ]
    assert spectra[1][7000] > 2 * spectra[0][7000] > 100 * np.median(spectra[0])


def test_strides_copy_the_spectrum_about_multiples_of_the_rate_over_the_stride() -> None:
    tone = Waveform(np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE).astype(np.float32), RATE)
    made = stride_pattern(tone, strides=(4,), strength=0.05, rng=np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(made.samples))
    loud = set(np.flatnonzero(spectrum > 1e-3 * spectrum.max()).tolist())
    assert {500, 3500, 4500} <= loud <= {500, 3500, 4500, 7500}

"""Bandwidth, level, masks, reverberation and speed of the sound."""

import numpy as np
import scipy  # scipy.signal, which takes a second to import, is imported at its first use

from avfake.augment.transform import Parameters
from avfake.clips import TrainingSample
from avfake.media import Waveform


def band_limit(sample: TrainingSample, low_hz: float, high_hz: float) -> TrainingSample:
    """Keep one band, without delay."""
    # A band-pass filter needs an upper end below half the sample rate.
    band = (low_hz, min(high_hz, 0.49 * sample.sample_rate))
    sections = scipy.signal.butter(4, band, "bandpass", fs=sample.sample_rate, output="sos")
    return sample.with_sound(
        # Filtered forwards and backwards: twice the slope, and no delay against the picture.
        lambda row: scipy.signal.sosfiltfilt(sections, row, padlen=min(len(row) - 1, 800))
    )


def gain(sample: TrainingSample, decibels: float) -> TrainingSample:
    """Change the level. Samples outside [-1, 1] are clipped, as in a file."""
    return sample.with_sound(lambda row: row * np.float32(10 ** (decibels / 20)))


def clipping(sample: TrainingSample, share: float) -> TrainingSample:
    """Clip the peaks, as an overdriven microphone does, at a share of the highest of the clip."""
    peak = max(float(np.abs(r).max(initial=0)) for r in (sample.sound, sample.crop_sound))
    return sample.with_sound(lambda row: row.clip(-share * peak, share * peak))


def polarity(sample: TrainingSample) -> TrainingSample:
    """Invert the polarity, which is not audible."""
    return sample.with_sound(np.negative)


def time_mask(sample: TrainingSample, share: float, place: float) -> TrainingSample:
    """Silence a share of each window; place: 0 = at its start, 1 = at its end."""
    start = place * (1 - share)

    def change(row: np.ndarray) -> np.ndarray:
        masked = row.copy()
        masked[round(start * len(row)) : round((start + share) * len(row))] = 0
        return masked

    return sample.with_sound(change)


def frequency_mask(sample: TrainingSample, low_hz: float, high_hz: float) -> TrainingSample:
    """Remove a band."""

    def change(row: np.ndarray) -> np.ndarray:
        hertz = np.fft.rfftfreq(len(row), 1 / sample.sample_rate)
        spectrum = np.fft.rfft(row)
        spectrum[(hertz >= low_hz) & (hertz < high_hz)] = 0
        return np.fft.irfft(spectrum, len(row))

    return sample.with_sound(change)


def draw_band(sample: TrainingSample, rng: np.random.Generator, max_width_hz: float) -> Parameters:
    """Draw a band between 0 Hz and half the sample rate."""
    width = rng.uniform(0, min(max_width_hz, sample.sample_rate / 4))
    low = rng.uniform(0, sample.sample_rate / 2 - width)
    return {"low_hz": float(low), "high_hz": float(low + width)}


def reverb(
    sample: TrainingSample, rt60_seconds: float, direct_db: float, seed: int
) -> TrainingSample:
    """Add echoes as decaying noise after the direct sound (Moorer 1979); the energy is kept.

    rt60_seconds: in which they fall by 60 dB; direct_db: by which the direct sound is stronger.
    """
    response = impulse_response(rt60_seconds, direct_db, seed, sample.sample_rate)

    def change(row: np.ndarray) -> np.ndarray:
        wet = scipy.signal.fftconvolve(row, response)[: len(row)]
        before, after = float(np.sum(row**2)), float(np.sum(wet**2))
        return wet * np.sqrt(before / after) if after > 0 else row

    return sample.with_sound(change)


def impulse_response(
    rt60_seconds: float, direct_db: float, seed: int, sample_rate: int
) -> np.ndarray:
    """Return a room impulse response float64 [N]: 1, then echoes until they fell by 60 dB."""
    seconds = np.arange(max(2, round(rt60_seconds * sample_rate))) / sample_rate
    noise = np.random.default_rng(seed).standard_normal(len(seconds))
    response = noise * 10 ** (-3 * seconds / rt60_seconds)
    response[0] = 0
    response *= np.sqrt(10 ** (-direct_db / 10) / np.sum(response**2))
    response[0] = 1
    return response


def speed(sample: TrainingSample, ratio: float) -> TrainingSample:
    """Change speed and pitch together; ratio: new over old speed.

    The middle keeps its time, because the sound around a crop has the time of the crop there.
    Missing ends of faster sound are mirrored: a block of zeros would be a cue.
    """
    rate = sample.sample_rate

    def change(row: np.ndarray) -> np.ndarray:
        faster = Waveform(row, round(rate * ratio)).resampled(rate)
        return _centred(faster.samples, len(row))

    return sample.with_sound(change)


def _centred(row: np.ndarray, length: int) -> np.ndarray:
    """Return the middle `length` samples; missing ones are mirrored."""
    missing = length - len(row)
    if missing > 0:
        return np.pad(row, (missing // 2, missing - missing // 2), mode="symmetric")
    return row[-missing // 2 :][:length] if missing else row

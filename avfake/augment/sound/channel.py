"""Bandwidth, level, masks, reverberation and speed of the sound."""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample
from avfake.media import Waveform


@dataclass(frozen=True)
class BandLimit(SoundTransform[tuple[float, float]]):
    """Keep one band, without delay; drawn: its lower and upper end in Hz."""

    name = "band_limit"
    low_hz: tuple[float, float] = (20.0, 400.0)
    high_hz: tuple[float, float] = (3_000.0, 7_500.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> tuple[float, float]:
        return float(rng.uniform(*self.low_hz)), float(rng.uniform(*self.high_hz))

    def apply(self, sample: TrainingSample, params: tuple[float, float]) -> TrainingSample:
        low, high = params
        # A band-pass filter needs an upper end below half the sample rate.
        high = min(high, 0.49 * sample.sample_rate)
        sections = signal.butter(4, (low, high), "bandpass", fs=sample.sample_rate, output="sos")
        return sample.with_sound(
            # Filtered forwards and backwards: twice the slope, and no delay against the picture.
            lambda row: signal.sosfiltfilt(sections, row, padlen=min(len(row) - 1, 800))
        )


@dataclass(frozen=True)
class Gain(SoundTransform[float]):
    """Change the level; drawn: dB. Samples outside [-1, 1] are clipped, as in a file."""

    name = "gain"
    decibels: tuple[float, float] = (-12.0, 6.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.decibels))

    def change(self, row: np.ndarray, sample_rate: int, params: float) -> np.ndarray:
        return row * np.float32(10 ** (params / 20))


@dataclass(frozen=True)
class Clipping(SoundTransform[float]):
    """Clip the peaks, as an overdriven microphone does; drawn: the level."""

    name = "clipping"
    probability: float = 0.2
    share: tuple[float, float] = (0.3, 0.9)
    """Share of the highest peak of the clip."""

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        peak = max(float(np.abs(r).max(initial=0)) for r in (sample.sound, sample.crop_sound))
        return float(rng.uniform(*self.share)) * peak

    def change(self, row: np.ndarray, sample_rate: int, params: float) -> np.ndarray:
        return row.clip(-params, params)


class Polarity(SoundTransform[bool]):
    """Invert the polarity, which is not audible."""

    name = "polarity"

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> bool:
        return True

    def apply(self, sample: TrainingSample, params: bool) -> TrainingSample:
        return sample.with_sound(np.negative)


Span = tuple[float, float]


@dataclass(frozen=True)
class TimeMask(SoundTransform[Span]):
    """Silence a segment; drawn: its start and end as shares of a window."""

    name = "time_mask"
    max_share: float = 0.1

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Span:
        share = rng.uniform(0, self.max_share)
        start = rng.uniform(0, 1 - share)
        return float(start), float(start + share)

    def change(self, row: np.ndarray, sample_rate: int, params: Span) -> np.ndarray:
        masked = row.copy()
        masked[round(params[0] * len(row)) : round(params[1] * len(row))] = 0
        return masked


@dataclass(frozen=True)
class FrequencyMask(SoundTransform[Span]):
    """Remove a band; drawn: its ends in Hz."""

    name = "frequency_mask"
    max_width_hz: float = 1_000.0

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Span:
        width = rng.uniform(0, min(self.max_width_hz, sample.sample_rate / 4))
        low = rng.uniform(0, sample.sample_rate / 2 - width)
        return float(low), float(low + width)

    def change(self, row: np.ndarray, sample_rate: int, params: Span) -> np.ndarray:
        hertz = np.fft.rfftfreq(len(row), 1 / sample_rate)
        spectrum = np.fft.rfft(row)
        spectrum[(hertz >= params[0]) & (hertz < params[1])] = 0
        return np.fft.irfft(spectrum, len(row))


Echoes = tuple[float, float, int]
"""Seconds in which they fall by 60 dB (RT60), dB by which the direct sound is stronger, seed."""


@dataclass(frozen=True)
class Reverb(SoundTransform[Echoes]):
    """Add echoes as decaying noise after the direct sound (Moorer 1979); the energy is kept."""

    name = "reverb"
    rt60_seconds: tuple[float, float] = (0.1, 0.8)
    direct_db: tuple[float, float] = (0.0, 15.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Echoes:
        rt60, direct = rng.uniform(*self.rt60_seconds), rng.uniform(*self.direct_db)
        return float(rt60), float(direct), int(rng.integers(2**31))

    def apply(self, sample: TrainingSample, params: Echoes) -> TrainingSample:
        response = impulse_response(params, sample.sample_rate)

        def change(row: np.ndarray) -> np.ndarray:
            wet = signal.fftconvolve(row, response)[: len(row)]
            before, after = float(np.sum(row**2)), float(np.sum(wet**2))
            return wet * np.sqrt(before / after) if after > 0 else row

        return sample.with_sound(change)


def impulse_response(echoes: Echoes, sample_rate: int) -> np.ndarray:
    """Return a room impulse response float64 [N]: 1, then echoes until they fell by 60 dB."""
    rt60_seconds, direct_db, seed = echoes
    seconds = np.arange(max(2, round(rt60_seconds * sample_rate))) / sample_rate
    noise = np.random.default_rng(seed).standard_normal(len(seconds))
    response = noise * 10 ** (-3 * seconds / rt60_seconds)
    response[0] = 0
    response *= np.sqrt(10 ** (-direct_db / 10) / np.sum(response**2))
    response[0] = 1
    return response


@dataclass(frozen=True)
class Speed(SoundTransform[float]):
    """Change speed and pitch together; drawn: new over old speed.

    The middle keeps its time, because the sound around a crop has the time of the crop there.
    Missing ends of faster sound are mirrored: a block of zeros would be a cue.
    """

    name = "speed"
    probability: float = 0.3
    max_change: float = 0.05

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(1 + rng.uniform(-self.max_change, self.max_change))

    def change(self, row: np.ndarray, sample_rate: int, params: float) -> np.ndarray:
        faster = Waveform(row, round(sample_rate * params)).resampled(sample_rate)
        return _centred(faster.samples, len(row))


def _centred(row: np.ndarray, length: int) -> np.ndarray:
    """Return the middle `length` samples; missing ones are mirrored."""
    missing = length - len(row)
    if missing > 0:
        return np.pad(row, (missing // 2, missing - missing // 2), mode="symmetric")
    return row[-missing // 2 :][:length] if missing else row

"""Coloured noise, and the disturbances of telephony of RawBoost (Tak et al. 2022).

Linear and non-linear convolutive noise: filters and overdriven stages of a line. Impulsive noise
that depends on the signal: clipping, clicks of synchronisation. Stationary noise that does not:
cables, transmitters. The ranges of RawBoost are those of the paper.
"""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample

COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0}
"""Name -> a, where the power at frequency f is f ** -a."""


Noise = tuple[str, float, int]
"""Colour, root mean square, seed."""


@dataclass(frozen=True)
class ColouredNoise(SoundTransform[Noise]):
    """Add noise of one colour at one signal-to-noise ratio, from the mean power of the clip."""

    name = "noise"
    snr_db: tuple[float, float] = (5.0, 40.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Noise | None:
        decibels, number = rng.uniform(*self.snr_db), int(rng.integers(len(COLOURS)))
        seed = int(rng.integers(2**31))
        level = loudness(sample) * 10 ** (-decibels / 20)
        return (list(COLOURS)[number], level, seed) if level > 0 else None

    def apply(self, sample: TrainingSample, params: Noise) -> TrainingSample:
        colour, level, seed = params
        rng = np.random.default_rng(seed)
        return sample.with_sound(lambda row: row + level * coloured(len(row), colour, rng))


def coloured(length: int, colour: str, rng: np.random.Generator) -> np.ndarray:
    """Draw float64 [length], noise of a colour with a root mean square of 1."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    bins = np.maximum(np.arange(len(spectrum)), 1)
    spectrum *= bins ** (-COLOURS[colour] / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, length)
    return noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)


def loudness(sample: TrainingSample) -> float:
    """Root mean square of the windows, or of the sound around the crops without windows."""
    rows = sample.sound if sample.sound.size else sample.crop_sound
    return float(np.sqrt(np.mean(rows.astype(np.float64) ** 2)))


Notches = tuple[tuple[float, float, int], ...]
"""Centre and width in Hz and number of coefficients of each notch."""
NUM_NOTCHES = 5


@dataclass(frozen=True)
class Stages:
    """Filters for the sound and for its powers."""

    notches: tuple[Notches, ...]
    """Filters of power 1, 2, 3, ..."""
    gains_db: tuple[float, ...]


@dataclass(frozen=True)
class ConvolutiveNoise(SoundTransform[Stages]):
    """Sum filtered powers of the sound (Hammerstein); higher powers are weaker."""

    name = "convolutive_noise"
    num_powers: int = 5
    loss_db: tuple[float, float] = (5.0, 20.0)
    """Loss of the powers above the first."""

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Stages:
        notches = tuple(_draw_notches(rng, sample.sample_rate) for _ in range(self.num_powers))
        losses = rng.uniform(*self.loss_db, self.num_powers - 1)
        return Stages(notches, (0.0, *(-losses).tolist()))

    def apply(self, sample: TrainingSample, params: Stages) -> TrainingSample:
        filters = [_filter(notches, sample.sample_rate) for notches in params.notches]
        gains = [10 ** (decibels / 20) for decibels in params.gains_db]

        def change(row: np.ndarray) -> np.ndarray:
            # Normalised to a peak of 1, or the distortion would depend on the loudness.
            peak = max(float(np.abs(row).max()), 1e-12)
            whole = sum(
                gain * signal.fftconvolve((row / peak) ** power, taps, mode="same")
                for power, (gain, taps) in enumerate(zip(gains, filters, strict=True), start=1)
            )
            whole = np.asarray(whole) - np.mean(whole)
            return peak * whole / max(1.0, float(np.abs(whole).max()))

        return sample.with_sound(change)


@dataclass(frozen=True)
class ImpulsiveNoise(SoundTransform[tuple[float, int]]):
    """Add to some samples a random share of themselves; drawn: (share of the samples, seed)."""

    name = "impulsive_noise"
    max_share: float = 0.1
    gain: float = 2.0

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> tuple[float, int]:
        return float(rng.uniform(0, self.max_share)), int(rng.integers(2**31))

    def apply(self, sample: TrainingSample, params: tuple[float, int]) -> TrainingSample:
        share, seed = params
        rng = np.random.default_rng(seed)

        def change(row: np.ndarray) -> np.ndarray:
            hit = rng.permutation(len(row))[: int(share * len(row))]
            factors = rng.uniform(-1, 1, len(hit)) * rng.uniform(0, 1, len(hit))
            struck = row.astype(np.float64)
            struck[hit] += self.gain * factors * struck[hit]
            return struck / max(1.0, float(np.abs(struck).max()))

        return sample.with_sound(change)


Hum = tuple[Notches, float, int]
"""Notches of the filter, root mean square of the noise, seed."""


@dataclass(frozen=True)
class StationaryNoise(SoundTransform[Hum]):
    """Add filtered white noise."""

    name = "stationary_noise"
    snr_db: tuple[float, float] = (10.0, 40.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Hum | None:
        notches = _draw_notches(rng, sample.sample_rate)
        level = loudness(sample) * 10 ** (-rng.uniform(*self.snr_db) / 20)
        return (notches, level, int(rng.integers(2**31))) if level > 0 else None

    def apply(self, sample: TrainingSample, params: Hum) -> TrainingSample:
        notches, level, seed = params
        taps, rng = _filter(notches, sample.sample_rate), np.random.default_rng(seed)

        def change(row: np.ndarray) -> np.ndarray:
            noise = signal.fftconvolve(rng.standard_normal(len(row)), taps, mode="same")
            return row + level * noise / np.sqrt(np.mean(noise**2))

        return sample.with_sound(change)


def _draw_notches(rng: np.random.Generator, sample_rate: int) -> Notches:
    half = sample_rate / 2
    return tuple(
        (
            float(rng.uniform(20, half - 20)),
            float(rng.uniform(100, 1_000)),
            int(rng.integers(5, 50)) * 2 + 1,  # odd, as a band-stop filter must be
        )
        for _ in range(NUM_NOTCHES)
    )


def _filter(notches: Notches, sample_rate: int) -> np.ndarray:
    """Return float64 [N]: the filters in series, with a peak response of 1."""
    taps = np.ones(1)
    for middle, width, number in notches:
        low = max(middle - width / 2, 1.0)
        high = min(middle + width / 2, sample_rate / 2 - 1)
        stop = signal.firwin(number, (low, high), window="hamming", fs=sample_rate)
        taps = np.convolve(taps, stop)
    response = np.abs(np.fft.rfft(taps, 4096))
    return taps / max(float(response.max()), 1e-12)

"""Coloured noise, and the disturbances of telephony of RawBoost (Tak et al. 2022).

Linear and non-linear convolutive noise: filters and overdriven stages of a line. Impulsive noise
that depends on the signal: clipping, clicks of synchronisation. Stationary noise that does not:
cables, transmitters. The ranges of RawBoost are those of the paper.
"""

import numpy as np
import scipy  # scipy.signal, which takes a second to import, is imported at its first use

from avfake.augment.transform import Parameters, draw_seed, pick
from avfake.clips import TrainingSample

COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0}
"""Name -> a, where the power at frequency f is f ** -a."""


def noise(sample: TrainingSample, colour: str, level: float, seed: int) -> TrainingSample:
    """Add noise of one colour; level: its root mean square."""
    rng = np.random.default_rng(seed)
    return sample.with_sound(lambda row: row + level * coloured(len(row), colour, rng))


def draw_noise(
    sample: TrainingSample, rng: np.random.Generator, snr_db: tuple[float, float]
) -> Parameters | None:
    """Draw a colour, and a level from the mean power of the clip; None for digital silence."""
    decibels, colour = rng.uniform(*snr_db), pick(rng, list(COLOURS))
    seed, level = draw_seed(rng), _loudness(sample) * 10 ** (-decibels / 20)
    return {"colour": colour, "level": level, "seed": seed} if level > 0 else None


def coloured(length: int, colour: str, rng: np.random.Generator) -> np.ndarray:
    """Draw float64 [length], noise of a colour with a root mean square of 1."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    bins = np.maximum(np.arange(len(spectrum)), 1)
    spectrum *= bins ** (-COLOURS[colour] / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, length)
    return noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)


def _loudness(sample: TrainingSample) -> float:
    """Root mean square of the windows, or of the sound around the crops without windows."""
    rows = sample.sound if sample.sound.size else sample.crop_sound
    return float(np.sqrt(np.mean(rows.astype(np.float64) ** 2)))


Notches = tuple[tuple[float, float, int], ...]
"""Centre and width in Hz and number of coefficients of each notch."""
NUM_NOTCHES = 5


def convolutive_noise(
    sample: TrainingSample, notches: tuple[Notches, ...], gains_db: tuple[float, ...]
) -> TrainingSample:
    """Sum filtered powers of the sound (Hammerstein): power 1, 2, 3, ... with a filter each."""
    filters = [_filter(each, sample.sample_rate) for each in notches]
    gains = [10 ** (decibels / 20) for decibels in gains_db]

    def change(row: np.ndarray) -> np.ndarray:
        # Normalised to a peak of 1, or the distortion would depend on the loudness.
        peak = max(float(np.abs(row).max()), 1e-12)
        whole = sum(
            gain * scipy.signal.fftconvolve((row / peak) ** power, taps, mode="same")
            for power, (gain, taps) in enumerate(zip(gains, filters, strict=True), start=1)
        )
        whole = np.asarray(whole) - np.mean(whole)
        return peak * whole / max(1.0, float(np.abs(whole).max()))

    return sample.with_sound(change)


def draw_powers(
    sample: TrainingSample,
    rng: np.random.Generator,
    num_powers: int,
    loss_db: tuple[float, float],
) -> Parameters:
    """Draw filters for powers of the sound; loss_db: of the powers above the first."""
    notches = tuple(_draw_notches(rng, sample.sample_rate) for _ in range(num_powers))
    losses = rng.uniform(*loss_db, num_powers - 1)
    return {"notches": notches, "gains_db": (0.0, *(-losses).tolist())}


def impulsive_noise(sample: TrainingSample, share: float, seed: int) -> TrainingSample:
    """Add to a share of the samples up to twice themselves, or subtract it."""
    rng = np.random.default_rng(seed)

    def change(row: np.ndarray) -> np.ndarray:
        hit = rng.permutation(len(row))[: int(share * len(row))]
        factors = rng.uniform(-1, 1, len(hit)) * rng.uniform(0, 1, len(hit))
        struck = row.astype(np.float64)
        struck[hit] += 2 * factors * struck[hit]
        return struck / max(1.0, float(np.abs(struck).max()))

    return sample.with_sound(change)


def stationary_noise(
    sample: TrainingSample, notches: Notches, level: float, seed: int
) -> TrainingSample:
    """Add filtered white noise; level: its root mean square."""
    taps, rng = _filter(notches, sample.sample_rate), np.random.default_rng(seed)

    def change(row: np.ndarray) -> np.ndarray:
        noise = scipy.signal.fftconvolve(rng.standard_normal(len(row)), taps, mode="same")
        return row + level * noise / np.sqrt(np.mean(noise**2))

    return sample.with_sound(change)


def draw_hum(
    sample: TrainingSample, rng: np.random.Generator, snr_db: tuple[float, float]
) -> Parameters | None:
    """Draw a filter, and a level from the mean power of the clip; None for digital silence."""
    notches = _draw_notches(rng, sample.sample_rate)
    level = _loudness(sample) * 10 ** (-rng.uniform(*snr_db) / 20)
    return {"notches": notches, "level": level, "seed": draw_seed(rng)} if level > 0 else None


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
        stop = scipy.signal.firwin(number, (low, high), window="hamming", fs=sample_rate)
        taps = np.convolve(taps, stop)
    response = np.abs(np.fft.rfft(taps, 4096))
    return taps / max(float(response.max()), 1e-12)

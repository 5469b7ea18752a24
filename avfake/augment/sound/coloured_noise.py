"""Noise of a room, a street, a cable: its spectrum falls or rises with frequency."""

from dataclasses import dataclass

import numpy as np

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample

COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0}
"""Name -> a, where the power at frequency f is f ** -a."""


@dataclass(frozen=True)
class Noise:
    """One noise."""

    colour: str
    level: float
    """Root mean square."""
    seed: int


@dataclass(frozen=True)
class ColouredNoise(SoundTransform[Noise]):
    """Adds noise of one colour, at one distance from the mean power of the clip."""

    name = "noise"
    snr_db: tuple[float, float] = (5.0, 40.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Noise | None:
        decibels, place = rng.uniform(*self.snr_db), int(rng.integers(len(COLOURS)))
        seed = int(rng.integers(2**31))
        level = loudness(sample) * 10 ** (-decibels / 20)
        return Noise(list(COLOURS)[place], level, seed) if level > 0 else None

    def apply(self, sample: TrainingSample, params: Noise) -> TrainingSample:
        rng = np.random.default_rng(params.seed)
        return sample.with_sound(
            lambda row: row + params.level * coloured(len(row), params.colour, rng)
        )


def coloured(length: int, colour: str, rng: np.random.Generator) -> np.ndarray:
    """float64 [length], noise of that colour with a root mean square of 1."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    place = np.maximum(np.arange(len(spectrum)), 1)
    spectrum *= place ** (-COLOURS[colour] / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, length)
    return noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)


def loudness(sample: TrainingSample) -> float:
    """Root mean square of the windows, or of the sound around the crops where there are none."""
    rows = sample.sound if sample.sound.size else sample.crop_sound
    return float(np.sqrt(np.mean(rows.astype(np.float64) ** 2)))

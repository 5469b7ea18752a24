"""Stretches of time and bands of frequency that are not there (SpecAugment, on the wave itself).

Park et al. 2019 mask the spectrogram; here the sound loses the same, whatever reads it.
"""

from dataclasses import dataclass

import numpy as np

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample

Span = tuple[float, float]


@dataclass(frozen=True)
class TimeMask(SoundTransform[Span]):
    """Silences a stretch; drawn: its start and end as shares of a window."""

    name = "time_mask"
    max_share: float = 0.1

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Span:
        share = rng.uniform(0, self.max_share)
        start = rng.uniform(0, 1 - share)
        return float(start), float(start + share)

    def apply(self, sample: TrainingSample, params: Span) -> TrainingSample:
        def change(row: np.ndarray) -> np.ndarray:
            masked = row.copy()
            masked[round(params[0] * len(row)) : round(params[1] * len(row))] = 0
            return masked

        return sample.with_sound(change)


@dataclass(frozen=True)
class FrequencyMask(SoundTransform[Span]):
    """Removes a band; drawn: its ends in Hz."""

    name = "frequency_mask"
    max_width_hz: float = 1_000.0

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Span:
        width = rng.uniform(0, min(self.max_width_hz, sample.sample_rate / 4))
        low = rng.uniform(0, sample.sample_rate / 2 - width)
        return float(low), float(low + width)

    def apply(self, sample: TrainingSample, params: Span) -> TrainingSample:
        def change(row: np.ndarray) -> np.ndarray:
            hertz = np.fft.rfftfreq(len(row), 1 / sample.sample_rate)
            spectrum = np.fft.rfft(row)
            spectrum[(hertz >= params[0]) & (hertz < params[1])] = 0
            return np.fft.irfft(spectrum, len(row))

        return sample.with_sound(change)

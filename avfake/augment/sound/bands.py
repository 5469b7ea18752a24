"""Narrow channels: what a telephone or a cheap microphone lets through."""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class BandLimit(SoundTransform[tuple[float, float]]):
    """Keeps one band; drawn: its lower and upper end in Hz. Nothing is delayed."""

    name = "band_limit"
    low_hz: tuple[float, float] = (20.0, 400.0)
    high_hz: tuple[float, float] = (3_000.0, 7_500.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> tuple[float, float]:
        return float(rng.uniform(*self.low_hz)), float(rng.uniform(*self.high_hz))

    def apply(self, sample: TrainingSample, params: tuple[float, float]) -> TrainingSample:
        low, high = params
        # A band that reaches up to half the rate has no upper end left to cut.
        high = min(high, 0.49 * sample.sample_rate)
        sections = signal.butter(4, (low, high), "bandpass", fs=sample.sample_rate, output="sos")
        return sample.with_sound(
            # Forth and back: twice the slope, and no shift against the picture.
            lambda row: signal.sosfiltfilt(sections, row, padlen=min(len(row) - 1, 800))
        )

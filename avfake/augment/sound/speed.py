"""A little faster or slower, as players and clocks are."""

from dataclasses import dataclass

import numpy as np

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample
from avfake.media import resample


@dataclass(frozen=True)
class Speed(SoundTransform[float]):
    """Plays faster or slower, pitch going along; drawn: new over old speed.

    The middle stays where it is, as the sound around a crop has the moment of the crop there. What
    is missing at the ends of faster sound is mirrored: a block of zeros would be a cue of its own.
    """

    name = "speed"
    probability: float = 0.3
    max_change: float = 0.05

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(1 + rng.uniform(-self.max_change, self.max_change))

    def apply(self, sample: TrainingSample, params: float) -> TrainingSample:
        rate = sample.sample_rate

        def change(row: np.ndarray) -> np.ndarray:
            return _centred(resample(row, round(rate * params), rate), len(row))

        return sample.with_sound(change)


def _centred(row: np.ndarray, length: int) -> np.ndarray:
    """The middle `length` samples; what is missing is mirrored."""
    missing = length - len(row)
    if missing > 0:
        return np.pad(row, (missing // 2, missing - missing // 2), mode="symmetric")
    return row[-missing // 2 :][:length] if missing else row

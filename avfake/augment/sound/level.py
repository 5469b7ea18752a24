"""Louder, too loud, upside down."""

from dataclasses import dataclass

import numpy as np

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class Gain(SoundTransform[float]):
    """Louder or softer; drawn: dB. What leaves [-1, 1] is cut, as in a file."""

    name = "gain"
    decibels: tuple[float, float] = (-12.0, 6.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.decibels))

    def apply(self, sample: TrainingSample, params: float) -> TrainingSample:
        factor = np.float32(10 ** (params / 20))
        return sample.with_sound(lambda row: row * factor)


@dataclass(frozen=True)
class Clipping(SoundTransform[float]):
    """Cuts the peaks off, as an overdriven microphone does; drawn: the level that is left."""

    name = "clipping"
    probability: float = 0.2
    share: tuple[float, float] = (0.3, 0.9)
    """Of the highest peak of the clip."""

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        peak = max(float(np.abs(r).max(initial=0)) for r in (sample.sound, sample.crop_sound))
        return float(rng.uniform(*self.share)) * peak

    def apply(self, sample: TrainingSample, params: float) -> TrainingSample:
        return sample.with_sound(lambda row: row.clip(-params, params))


class Polarity(SoundTransform[bool]):
    """Swaps plus and minus, which no ear hears."""

    name = "polarity"

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> bool:
        return True

    def apply(self, sample: TrainingSample, params: bool) -> TrainingSample:
        return sample.with_sound(np.negative)

"""The noise of a sensor."""

from dataclasses import dataclass

import numpy as np

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class GaussianNoise(PictureTransform[tuple[float, int]]):
    """Adds white noise, other in every frame; drawn: (deviation in grey levels, seed)."""

    name = "gaussian_noise"
    variance: tuple[float, float] = (10.0, 50.0)
    """In grey levels squared."""

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> tuple[float, int]:
        return float(np.sqrt(rng.uniform(*self.variance))), int(rng.integers(2**31))

    def apply(self, sample: TrainingSample, params: tuple[float, int]) -> TrainingSample:
        deviation, seed = params

        def change(faces: np.ndarray) -> np.ndarray:
            # The same seed again for the partner: two views of one recording.
            noisy = np.random.default_rng(seed).standard_normal(faces.shape, np.float32)
            noisy *= np.float32(deviation)
            noisy += faces
            return np.rint(noisy, out=noisy).clip(0, 255).astype(np.uint8)

        return sample.with_pictures(change)

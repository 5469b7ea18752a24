"""A rectangle that is not there."""

from dataclasses import dataclass

import numpy as np

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class RandomErasing(PictureTransform[Box]):
    """Blackens a rectangle, the same in every frame (Zhong et al. 2020); drawn: x0, y0, x1, y1."""

    name = "random_erasing"
    probability: float = 0.25
    area: tuple[float, float] = (0.02, 0.2)
    """Share of the crop."""
    max_aspect: float = 3.0

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Box:
        side = sample.side_px
        area, aspect = rng.uniform(*self.area), self.max_aspect ** rng.uniform(-1, 1)
        width = max(1, min(side, round(side * np.sqrt(area * aspect))))
        height = max(1, min(side, round(side * np.sqrt(area / aspect))))
        x0, y0 = int(rng.integers(side - width + 1)), int(rng.integers(side - height + 1))
        return x0, y0, x0 + width, y0 + height

    def apply(self, sample: TrainingSample, params: Box) -> TrainingSample:
        x0, y0, x1, y1 = params

        def change(faces: np.ndarray) -> np.ndarray:
            erased = faces.copy()
            erased[:, y0:y1, x0:x1] = 0
            return erased

        return sample.with_pictures(change)

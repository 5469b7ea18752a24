"""JPEG, the codec of single pictures."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class Jpeg(PictureTransform[int]):
    """Compresses every crop by itself; drawn: the quality."""

    name = "jpeg"
    quality: tuple[int, int] = (60, 100)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> int:
        return int(rng.integers(self.quality[0], self.quality[1] + 1))

    def apply(self, sample: TrainingSample, params: int) -> TrainingSample:
        return sample.with_pictures(
            lambda faces: np.stack([_through_jpeg(face, params) for face in faces])
        )


def _through_jpeg(face: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(face).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))

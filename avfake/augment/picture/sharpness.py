"""Softer and sharper."""

from dataclasses import dataclass

import numpy as np
import torch
from torchvision.transforms.v2 import functional as F

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class GaussianBlur(PictureTransform[float]):
    """Blurs; drawn: the deviation in px."""

    name = "blur"
    deviation_px: tuple[float, float] = (0.3, 0.8)
    """0.8 is about what a kernel of 3 px is good for."""

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.deviation_px))

    def apply(self, sample: TrainingSample, params: float) -> TrainingSample:
        return sample.with_pictures(lambda faces: _blurred(faces, params))


@dataclass(frozen=True)
class Sharpen(PictureTransform[float]):
    """Adds what a blur takes away, as cameras do; drawn: how many times."""

    name = "sharpen"
    amount: tuple[float, float] = (0.2, 1.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.amount))

    def apply(self, sample: TrainingSample, params: float) -> TrainingSample:
        def change(faces: np.ndarray) -> np.ndarray:
            sharp = faces.astype(np.float32)
            sharp += params * (sharp - _blurred(faces, 1.0))
            return np.rint(sharp, out=sharp).clip(0, 255).astype(np.uint8)

        return sample.with_pictures(change)


def _blurred(faces: np.ndarray, deviation_px: float) -> np.ndarray:
    if deviation_px <= 0:
        return faces
    reach = max(1, int(np.ceil(2.5 * deviation_px)))
    # Reflection, which the borders are made up by, needs more pixels than it reflects.
    reach = min(reach, faces.shape[1] - 1)
    planes = torch.tensor(faces).permute(0, 3, 1, 2)
    blurred = F.gaussian_blur(planes, [2 * reach + 1] * 2, [deviation_px] * 2)
    return np.ascontiguousarray(blurred.permute(0, 2, 3, 1).numpy())

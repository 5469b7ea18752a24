"""Fewer pixels and back again, as of a small face in a large frame."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample

BOX, NEAREST = Image.Resampling.BOX, Image.Resampling.NEAREST
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
Pair = tuple[Image.Resampling, Image.Resampling]


@dataclass(frozen=True)
class Rescale(PictureTransform[tuple[float, Pair]]):
    """Scales down and up again; drawn: (share of the side kept, how down and how up)."""

    name = "rescale"
    probability: float = 1.0
    share: tuple[float, float] = (0.5, 1.0)
    pairs: tuple[Pair, ...] = ((BOX, BICUBIC), (BOX, BILINEAR), (BILINEAR, BILINEAR))

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> tuple[float, Pair]:
        return float(rng.uniform(*self.share)), self.pairs[int(rng.integers(len(self.pairs)))]

    def apply(self, sample: TrainingSample, params: tuple[float, Pair]) -> TrainingSample:
        share, (down, up) = params
        side = sample.side_px
        small = max(1, round(share * side))
        if small == side:
            return sample

        def change(face: np.ndarray) -> np.ndarray:
            shrunk = Image.fromarray(face).resize((small, small), down)
            return np.asarray(shrunk.resize((side, side), up))

        return sample.with_pictures(lambda faces: np.stack([change(face) for face in faces]))


@dataclass(frozen=True)
class Downscale(Rescale):
    """Plainly coarser: every pixel that is left is shown as a block."""

    name = "downscale"
    probability: float = 0.5
    share: tuple[float, float] = (0.25, 0.75)
    pairs: tuple[Pair, ...] = ((NEAREST, NEAREST),)

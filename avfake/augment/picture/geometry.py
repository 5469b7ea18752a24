"""Mirroring, movement and scaling of the crops; the landmarks move with the pixels."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample

MIRRORED_ORDER = [1, 0, 2, 4, 3]
"""Left and right are as seen in the picture, so mirroring swaps the names of the points."""


class Flip(PictureTransform[bool]):
    """Mirror left and right."""

    name = "flip"

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> bool:
        return True

    def apply(self, sample: TrainingSample, params: bool) -> TrainingSample:
        backwards = np.arange(sample.side_px)[::-1]
        landmarks = sample.landmarks[:, MIRRORED_ORDER]
        landmarks[..., 0] = sample.side_px - landmarks[..., 0]
        mirrored = sample.with_pictures(lambda faces: faces.take(backwards, axis=2))
        return replace(mirrored, landmarks=landmarks)


@dataclass(frozen=True)
class Movement:
    """A similarity transform about the centre of the crop."""

    turn_degrees: float
    """Clockwise as shown."""
    scale: float
    shift: tuple[float, float]
    """Right and down, as shares of the side."""


@dataclass(frozen=True)
class ShiftScaleRotate(PictureTransform[Movement]):
    """Shift, scale and rotate; areas from outside are black, as beyond the edge of a frame."""

    name = "shift_scale_rotate"
    max_shift: float = 0.1
    max_scale: float = 0.2
    max_turn_degrees: float = 10.0

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Movement:
        right, down = rng.uniform(-self.max_shift, self.max_shift, 2).tolist()
        return Movement(
            turn_degrees=float(rng.uniform(-self.max_turn_degrees, self.max_turn_degrees)),
            scale=float(1 + rng.uniform(-self.max_scale, self.max_scale)),
            shift=(right, down),
        )

    def apply(self, sample: TrainingSample, params: Movement) -> TrainingSample:
        forward = _matrix(params, sample.side_px)
        back = np.linalg.inv(forward)
        moved = sample.with_pictures(lambda faces: _warp(faces, back))
        points = np.concatenate([sample.landmarks, np.ones_like(sample.landmarks[..., :1])], axis=2)
        return replace(moved, landmarks=(points @ forward[:2].T).astype(np.float32))


def _matrix(movement: Movement, side: int) -> np.ndarray:
    """Return [3, 3], which maps points in px of the crop."""
    angle = np.deg2rad(movement.turn_degrees)
    turn = movement.scale * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    middle = np.array([side / 2, side / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = middle - turn @ middle + side * np.array(movement.shift)
    return matrix


def _warp(faces: np.ndarray, back: np.ndarray) -> np.ndarray:
    if np.allclose(back, np.eye(3)):
        return faces
    coefficients = tuple(back[:2].ravel().tolist())
    size = (faces.shape[2], faces.shape[1])
    return np.stack(
        [
            np.asarray(
                Image.fromarray(face).transform(
                    size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
                )
            )
            for face in faces
        ]
    )


BOX, NEAREST = Image.Resampling.BOX, Image.Resampling.NEAREST
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
Pair = tuple[Image.Resampling, Image.Resampling]


@dataclass(frozen=True)
class Rescale(PictureTransform[tuple[float, Pair]]):
    """Scale down and up again; drawn: (share of the side, methods down and up)."""

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
    """Scale down and show every remaining pixel as a block."""

    name = "downscale"
    probability: float = 0.5
    share: tuple[float, float] = (0.25, 0.75)
    pairs: tuple[Pair, ...] = ((NEAREST, NEAREST),)

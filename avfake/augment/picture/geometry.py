"""Mirroring, movement and scaling of the crops; the landmarks move with the pixels."""

from dataclasses import replace

import numpy as np
from PIL import Image

from avfake.augment.transform import Parameters, pick, with_images
from avfake.clips import TrainingSample

MIRRORED_ORDER = [1, 0, 2, 4, 3]
"""Left and right are as seen in the picture, so mirroring swaps the names of the points."""


def flip(sample: TrainingSample) -> TrainingSample:
    """Mirror left and right."""
    backwards = np.arange(sample.side_px)[::-1]
    landmarks = sample.landmarks[:, MIRRORED_ORDER]
    landmarks[..., 0] = sample.side_px - landmarks[..., 0]
    mirrored = sample.with_pictures(lambda faces: faces.take(backwards, axis=2))
    return replace(mirrored, landmarks=landmarks)


def shift_scale_rotate(
    sample: TrainingSample, *, right: float, down: float, turn_degrees: float, scale: float
) -> TrainingSample:
    """Move about the centre; areas from outside are black, as beyond the edge of a frame.

    right, down: shares of the side; turn_degrees: clockwise as shown.
    """
    side, angle = sample.side_px, np.deg2rad(turn_degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = side / 2 - turn @ [side / 2, side / 2] + side * np.array([right, down])
    back = np.linalg.inv(np.vstack([np.column_stack([turn, shift]), [0, 0, 1]]))
    moved = with_images(
        sample,
        lambda face: face.transform(
            face.size,
            Image.Transform.AFFINE,
            back[:2].ravel().tolist(),
            Image.Resampling.BILINEAR,
        ),
    )
    return replace(moved, landmarks=(sample.landmarks @ turn.T + shift).astype(np.float32))


BOX, NEAREST = Image.Resampling.BOX, Image.Resampling.NEAREST
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
Pair = tuple[Image.Resampling, Image.Resampling]


def rescale(sample: TrainingSample, share: float, methods: Pair) -> TrainingSample:
    """Scale down to a share of the side, and up again, by the two methods."""
    side = sample.side_px
    small = max(1, round(share * side))
    if small == side:
        return sample
    down, up = methods
    return with_images(
        sample, lambda face: face.resize((small, small), down).resize((side, side), up)
    )


def draw_scaling(
    sample: TrainingSample,
    rng: np.random.Generator,
    share: tuple[float, float],
    pairs: tuple[Pair, ...],
) -> Parameters:
    """Draw the share of the side and one of the pairs of methods."""
    return {"share": float(rng.uniform(*share)), "methods": pick(rng, pairs)}

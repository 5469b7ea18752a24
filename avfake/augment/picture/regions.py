"""Areas of a face, drawn from its five points, and where a fake differs from its original."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import uniform_filter

from avfake.clips import TrainingSample
from avfake.forgery import TEMPLATE, fit_similarity

LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)
CHANGED = 20 / 255
"""A pixel differs if its structural dissimilarity is above this; below it is what coding does."""
OVAL_CENTRE, OVAL_HALF_WIDTH, OVAL_HALF_HEIGHT = np.array([0.5, 0.54]), 0.32, 0.37
"""The face, brows to chin, where `TEMPLATE` lies."""


def has_points(sample: TrainingSample) -> bool:
    """Whether the five points of every face are points, not one."""
    return bool(sample.has_faces and (np.ptp(sample.landmarks, axis=1).max(axis=1) > 1).all())


def lines(points: np.ndarray, *, side: int, width: float) -> np.ndarray:
    """bool [side, side], True within half of `width` px of the line through points [N, 2]."""
    drawn = Image.new("1", (side, side))
    draw = ImageDraw.Draw(drawn)
    corners = [(float(x), float(y)) for x, y in points]
    draw.line(corners, fill=1, width=max(1, round(width)))
    radius = width / 2
    for x, y in corners:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.asarray(drawn)


def face_hulls(landmarks: np.ndarray, *, side: int) -> np.ndarray:
    """bool [T, side, side], the faces of landmarks [T, 5, 2], as the mean face is laid on them."""
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline = OVAL_CENTRE + around * [OVAL_HALF_WIDTH, OVAL_HALF_HEIGHT]
    template = np.broadcast_to(TEMPLATE, landmarks.shape)
    laid = fit_similarity(template, landmarks.astype(float))
    hulls = np.zeros((len(landmarks), side, side), bool)
    for hull, transform in zip(hulls, laid, strict=True):
        drawn = Image.new("1", (side, side))
        corners = outline @ transform[:, :2].T + transform[:, 2]
        ImageDraw.Draw(drawn).polygon([(float(x), float(y)) for x, y in corners], fill=1)
        hull[:] = np.asarray(drawn)
    return hulls


def changed_pixels(sample: TrainingSample) -> np.ndarray | None:
    """bool [T, S, S], where the crops differ in structure from the partner's; None without one."""
    if sample.partner is None:
        return None
    pairs = zip(sample.faces, sample.partner, strict=True)
    return np.stack([_dissimilarity(a, b) > CHANGED for a, b in pairs])


def _dissimilarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """float32 [S, S], 1 - SSIM in windows of 7 px (Wang et al. 2004), of grey pictures."""
    x, y = (picture.mean(axis=2, dtype=np.float32) for picture in (first, second))

    def near(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, 7, mode="nearest")

    x_mean, y_mean = near(x), near(y)
    x_spread, y_spread = near(x * x) - x_mean**2, near(y * y) - y_mean**2
    together = near(x * y) - x_mean * y_mean
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * x_mean * y_mean + c1) * (2 * together + c2)
    dissimilarity: np.ndarray = 1 - likeness / (
        (x_mean**2 + y_mean**2 + c1) * (x_spread + y_spread + c2)
    )
    return dissimilarity

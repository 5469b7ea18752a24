"""Parts of the face made black, so that no single part decides (first place of the DFDC).

What is cut follows the face from frame to frame; which part it is stays the same over the clip.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import uniform_filter

from avfake.augment.transform import Parameters, is_genuine
from avfake.clips import TrainingSample
from avfake.forgery import fit_template

PARTS = {
    "eyes": (([1, 0, 0, 0, 0], [0, 1, 0, 0, 0]), 1 / 2),
    "mouth": (([0, 0, 0, 1, 0], [0, 0, 0, 0, 1]), 2 / 3),
    # From the bridge to just below the tip; as wide as half the way from the eyes to the tip.
    "nose": (([0.35, 0.35, 0.3, 0, 0], [0, 0, 1, 0, 0]), 0.5 / 0.7),
}
"""Name -> both ends of a thick line, as weights of the five points; width over length."""
HALVES = ("top", "bottom", "left", "right")
BITMAPS = (*HALVES, "falling", "rising")
CHANGED = 20 / 255
"""Structural dissimilarity from which a pixel differs; coding causes less."""
MIN_CHANGED_PX = 20
"""Forged pixels that must stay visible in each crop that shows any."""
NUM_TRIES = 6
OVAL_CENTRE, OVAL_HALF_WIDTH, OVAL_HALF_HEIGHT = np.array([0.5, 0.54]), 0.32, 0.37
"""The face from brows to chin, in coordinates of the aligned face."""


def landmark_cutout(sample: TrainingSample, part: str) -> TrainingSample:
    """Blacken one of `PARTS`, or "nothing"."""
    if part == "nothing":
        return sample
    weights, width = PARTS[part]
    ends = np.array(weights) @ sample.landmarks
    return _blackened(sample, np.stack([_line(pair, width, sample.side_px) for pair in ends]))


def draw_part(sample: TrainingSample, rng: np.random.Generator) -> Parameters:
    """Draw a part; each one half as often as the part before."""
    return {"part": next((part for part in PARTS if rng.random() < 0.5), "nothing")}


def _line(ends: np.ndarray, width: float, side: int) -> np.ndarray:
    """Return bool [side, side], a line with round ends [2, 2]; width: as a share of its length."""
    drawn = Image.new("1", (side, side))
    draw = ImageDraw.Draw(drawn)
    corners = [(float(x), float(y)) for x, y in ends]
    width_px = width * float(np.hypot(*(ends[1] - ends[0])))
    draw.line(corners, fill=1, width=max(1, round(width_px)))
    radius = width_px / 2
    for x, y in corners:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.asarray(drawn)


def half_face_cutout(sample: TrainingSample, half: str) -> TrainingSample:
    """Blacken one of `HALVES` of the face, cut through the centre of its hull."""
    return _blackened(sample, half_faces(sample, half))


def bitmap_cutout(sample: TrainingSample, half: str) -> TrainingSample:
    """Blacken half of the crop: a side, or two opposite quarters."""
    return _blackened(sample, half_crops(sample, half))


def draw_half(
    sample: TrainingSample,
    rng: np.random.Generator,
    halves: tuple[str, ...],
    masks_of: Callable[[TrainingSample, str], np.ndarray],
) -> Parameters | None:
    """Draw a half that leaves the forgery visible, in `NUM_TRIES` tries.

    A fake is cut only if its original is known and enough forged pixels stay visible; otherwise it
    would be labelled fake for genuine pixels.
    """
    tries = [halves[i] for i in rng.integers(len(halves), size=NUM_TRIES)]
    if is_genuine(sample, "face"):
        return {"half": tries[0]}
    changed = changed_pixels(sample)
    if changed is None:
        return None
    shown = changed.sum(axis=(1, 2)) > MIN_CHANGED_PX
    for half in tries:
        left = (changed & ~masks_of(sample, half)).sum(axis=(1, 2))
        if shown.any() and (left[shown] > MIN_CHANGED_PX).all():
            return {"half": half}
    return None


def half_faces(sample: TrainingSample, half: str) -> np.ndarray:
    """Return bool [T, S, S]: that half of each face."""
    masks = _face_hulls(sample.landmarks, side=sample.side_px)
    for mask in masks:
        if mask.any():
            mask &= _half(half, sample.side_px, np.argwhere(mask).mean(axis=0))
    return masks


def half_crops(sample: TrainingSample, half: str) -> np.ndarray:
    """Return bool [1, S, S]: that half of the crops."""
    side = sample.side_px
    return _half(half, side, np.array([side // 2, side // 2]))[None]


def _half(half: str, side: int, centre: np.ndarray) -> np.ndarray:
    """Return bool [side, side], one of `BITMAPS`; centre: [2], row and column."""
    rows, columns = np.mgrid[:side, :side]
    upper, left = rows < centre[0], columns < centre[1]
    return {
        "top": upper,
        "bottom": ~upper,
        "left": left,
        "right": ~left,
        "falling": upper == left,
        "rising": upper != left,
    }[half]


def _face_hulls(landmarks: np.ndarray, *, side: int) -> np.ndarray:
    """Return bool [T, side, side]: the mean face, fitted to landmarks [T, 5, 2]."""
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline = OVAL_CENTRE + around * [OVAL_HALF_WIDTH, OVAL_HALF_HEIGHT]
    hulls = np.zeros((len(landmarks), side, side), bool)
    for hull, transform in zip(hulls, fit_template(landmarks), strict=True):
        drawn = Image.new("1", (side, side))
        corners = outline @ transform[:, :2].T + transform[:, 2]
        ImageDraw.Draw(drawn).polygon([(float(x), float(y)) for x, y in corners], fill=1)
        hull[:] = np.asarray(drawn)
    return hulls


def changed_pixels(sample: TrainingSample) -> np.ndarray | None:
    """Return bool [T, S, S]: where crops differ in structure from the partner; None without."""
    if sample.partner is None:
        return None
    pairs = zip(sample.faces, sample.partner, strict=True)
    return np.stack([_dissimilarity(a, b) > CHANGED for a, b in pairs])


def _dissimilarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return float32 [S, S]: 1 - SSIM of grey pictures in windows of 7 px (Wang et al. 2004)."""
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


def random_erasing(sample: TrainingSample, box: tuple[int, int, int, int]) -> TrainingSample:
    """Blacken a rectangle x0, y0, x1, y1, the same in every frame (Zhong et al. 2020)."""
    x0, y0, x1, y1 = box
    mask = np.zeros((1, sample.side_px, sample.side_px), bool)
    mask[:, y0:y1, x0:x1] = True
    return _blackened(sample, mask)


def draw_box(
    sample: TrainingSample, rng: np.random.Generator, area: tuple[float, float], max_aspect: float
) -> Parameters:
    """Draw a rectangle; area: share of the crop; max_aspect: of its sides, either way."""
    side = sample.side_px
    share, aspect = rng.uniform(*area), max_aspect ** rng.uniform(-1, 1)
    width = max(1, min(side, round(side * np.sqrt(share * aspect))))
    height = max(1, min(side, round(side * np.sqrt(share / aspect))))
    x0, y0 = int(rng.integers(side - width + 1)), int(rng.integers(side - height + 1))
    return {"box": (x0, y0, x0 + width, y0 + height)}


def _blackened(sample: TrainingSample, masks: np.ndarray) -> TrainingSample:
    """masks: bool [T or 1, S, S]."""
    keep = ~masks[..., None]
    return sample.with_pictures(lambda faces: faces * keep)

"""Parts of the face made black, so that no single part decides (first place of the DFDC).

What is cut follows the face from frame to frame; which part it is stays the same over the clip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import uniform_filter

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample
from avfake.forgery import fit_template

LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)
CHANGED = 20 / 255
"""Structural dissimilarity from which a pixel differs; coding causes less."""
OVAL_CENTRE, OVAL_HALF_WIDTH, OVAL_HALF_HEIGHT = np.array([0.5, 0.54]), 0.32, 0.37
"""The face from brows to chin, in coordinates of the aligned face."""


def has_points(sample: TrainingSample) -> bool:
    """Return whether the five points of every face are known, that is not all equal."""
    return bool(sample.has_faces and (np.ptp(sample.landmarks, axis=1).max(axis=1) > 1).all())


def lines(points: np.ndarray, *, side: int, width: float) -> np.ndarray:
    """Return bool [side, side]: within half of `width` px of the line through points [N, 2]."""
    drawn = Image.new("1", (side, side))
    draw = ImageDraw.Draw(drawn)
    corners = [(float(x), float(y)) for x, y in points]
    draw.line(corners, fill=1, width=max(1, round(width)))
    radius = width / 2
    for x, y in corners:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.asarray(drawn)


def face_hulls(landmarks: np.ndarray, *, side: int) -> np.ndarray:
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


Part = Literal["eyes", "mouth", "nose", "nothing"]
K = TypeVar("K")
Side = Literal["top", "bottom", "left", "right"]
SIDES: tuple[Side, ...] = get_args(Side)
BITMAPS = ("top", "bottom", "left", "right", "falling", "rising")
MIN_CHANGED_PX = 20
"""Forged pixels that must stay visible in each crop that shows any."""
NUM_TRIES = 6


@dataclass(frozen=True)
class LandmarkCutout(PictureTransform[Part]):
    """Blacken eyes, mouth or nose: a thick line between their points."""

    name = "landmark_cutout"
    probability: float = 0.7

    def fits(self, sample: TrainingSample) -> bool:
        return has_points(sample)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Part:
        for part in ("eyes", "mouth", "nose"):
            if rng.random() < 0.5:
                return part
        return "nothing"

    def apply(self, sample: TrainingSample, params: Part) -> TrainingSample:
        if params == "nothing":
            return sample
        masks = [_part(points, params, sample.side_px) for points in sample.landmarks]
        return _blackened(sample, np.stack(masks))


@dataclass(frozen=True)
class HalfFaceCutout(PictureTransform[Side]):
    """Blacken one half of the face, cut through the centre of its hull."""

    name = "half_face_cutout"
    needs_partner = True
    probability: float = 0.2

    def fits(self, sample: TrainingSample) -> bool:
        return has_points(sample)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Side | None:
        tries = _draws(rng, SIDES)
        return _first_that_leaves_something(sample, tries, lambda side: _halves(sample, side))

    def apply(self, sample: TrainingSample, params: Side) -> TrainingSample:
        return _blackened(sample, _halves(sample, params))


@dataclass(frozen=True)
class BitmapCutout(PictureTransform[str]):
    """Blacken half of the crop: a side, or two opposite quarters.

    A fake is cut only if its original is known and enough forged pixels stay visible; otherwise it
    would be labelled fake for genuine pixels.
    """

    name = "bitmap_cutout"
    needs_partner = True
    probability: float = 0.1

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> str | None:
        tries = _draws(rng, BITMAPS)
        return _first_that_leaves_something(
            sample, tries, lambda kind: _bitmap(kind, sample.side_px)[None]
        )

    def apply(self, sample: TrainingSample, params: str) -> TrainingSample:
        return _blackened(sample, _bitmap(params, sample.side_px)[None])


def _draws(rng: np.random.Generator, kinds: tuple[K, ...]) -> list[K]:
    return [kinds[i] for i in rng.integers(len(kinds), size=NUM_TRIES)]


def _first_that_leaves_something(
    sample: TrainingSample, tries: Sequence[K], mask_of: Callable[[K], np.ndarray]
) -> K | None:
    """Return the first kind whose mask leaves the forgery visible; None if none does."""
    is_genuine = sample.labels.face == 0 and sample.weights.face > 0
    if is_genuine:
        return tries[0]
    changed = changed_pixels(sample)
    if changed is None:
        return None
    shown = changed.sum(axis=(1, 2)) > MIN_CHANGED_PX
    if not shown.any():
        return None
    for kind in tries:
        left = (changed & ~mask_of(kind)).sum(axis=(1, 2))
        if (left[shown] > MIN_CHANGED_PX).all():
            return kind
    return None


def _part(points: np.ndarray, part: Part, side: int) -> np.ndarray:
    """Return bool [side, side]; the width of the line depends on the distance of its points."""
    if part == "nose":
        nose = points[NOSE]
        between_eyes = points[[LEFT_EYE, RIGHT_EYE]].mean(axis=0)
        # From the bridge to just below the tip.
        ends = np.stack([between_eyes + 0.3 * (nose - between_eyes), nose])
        return lines(ends, side=side, width=_length(nose - between_eyes) / 2)
    names = {
        "eyes": (LEFT_EYE, RIGHT_EYE, 4),
        "mouth": (LEFT_MOUTH, RIGHT_MOUTH, 3),
    }
    left, right, divisor = names[part]
    ends = points[[left, right]]
    # Dilation by w / n on either side gives a band of twice that.
    width = 2 * _length(ends[1] - ends[0]) / divisor
    return lines(ends, side=side, width=width)


def _halves(sample: TrainingSample, half: Side) -> np.ndarray:
    """Return bool [T, S, S]: that half of each face."""
    side = sample.side_px
    hulls = face_hulls(sample.landmarks, side=side)
    rows, columns = np.mgrid[:side, :side]
    masks = np.zeros_like(hulls)
    for mask, hull in zip(masks, hulls, strict=True):
        if hull.any():
            y, x = (float(axis[hull].mean()) for axis in (rows, columns))
            mask[:] = (
                hull
                & {
                    "top": rows < y,
                    "bottom": rows >= y,
                    "left": columns < x,
                    "right": columns >= x,
                }[half]
            )
    return masks


def _bitmap(kind: str, side: int) -> np.ndarray:
    """bool [side, side]."""
    rows, columns = np.mgrid[:side, :side]
    upper, left = rows < side // 2, columns < side // 2
    return {
        "top": upper,
        "bottom": ~upper,
        "left": left,
        "right": ~left,
        "falling": upper == left,
        "rising": upper != left,
    }[kind]


def _blackened(sample: TrainingSample, masks: np.ndarray) -> TrainingSample:
    """masks: bool [T or 1, S, S]."""
    keep = ~masks[..., None]
    return sample.with_pictures(lambda faces: faces * keep)


def _length(vector: np.ndarray) -> float:
    return float(np.hypot(*vector))


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class RandomErasing(PictureTransform[Box]):
    """Blacken a rectangle, the same in every frame (Zhong et al. 2020); drawn: x0, y0, x1, y1."""

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

    def change(self, faces: np.ndarray, params: Box) -> np.ndarray:
        x0, y0, x1, y1 = params
        erased = faces.copy()
        erased[:, y0:y1, x0:x1] = 0
        return erased

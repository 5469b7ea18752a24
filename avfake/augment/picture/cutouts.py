"""Parts of the face made black, so that no single part of it decides (features.md 3a, item 10).

What is cut follows the face from frame to frame; which part it is stays the same over the clip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np

from avfake.augment.picture import regions
from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample

Part = Literal["eyes", "mouth", "nose", "nothing"]
K = TypeVar("K")
Side = Literal["top", "bottom", "left", "right"]
SIDES: tuple[Side, ...] = get_args(Side)
BITMAPS = ("top", "bottom", "left", "right", "falling", "rising")
MIN_CHANGED_PX = 20
"""Of what was forged, left to see in each crop that shows it."""
NUM_TRIES = 6


@dataclass(frozen=True)
class LandmarkCutout(PictureTransform[Part]):
    """Blackens eyes, mouth or nose: a line between their points, made thick."""

    name = "landmark_cutout"
    probability: float = 0.7

    def fits(self, sample: TrainingSample) -> bool:
        return regions.has_points(sample)

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
    """Blackens one half of the face, cut through the centre of its hull."""

    name = "half_face_cutout"
    needs_partner = True
    probability: float = 0.2

    def fits(self, sample: TrainingSample) -> bool:
        return regions.has_points(sample)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Side | None:
        tries = _draws(rng, SIDES)
        return _first_that_leaves_something(sample, tries, lambda side: _halves(sample, side))

    def apply(self, sample: TrainingSample, params: Side) -> TrainingSample:
        return _blackened(sample, _halves(sample, params))


@dataclass(frozen=True)
class BitmapCutout(PictureTransform[str]):
    """Blackens half of the crop: a side, or two quarters across from each other.

    A fake is cut only where its original is known and enough of what was forged stays in sight;
    otherwise it would be called a fake for pixels that are genuine.
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
    """The first kind whose mask leaves the forgery in sight; None if no try does."""
    is_genuine = sample.labels.face == 0 and sample.weights.face > 0
    if is_genuine:
        return tries[0]
    changed = regions.changed_pixels(sample)
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
    """bool [side, side]; the width of the line follows the distance of the two points."""
    if part == "nose":
        nose = points[regions.NOSE]
        between_eyes = points[[regions.LEFT_EYE, regions.RIGHT_EYE]].mean(axis=0)
        # From the bridge to just below the tip.
        ends = np.stack([between_eyes + 0.3 * (nose - between_eyes), nose])
        return regions.lines(ends, side=side, width=_length(nose - between_eyes) / 2)
    names = {
        "eyes": (regions.LEFT_EYE, regions.RIGHT_EYE, 4),
        "mouth": (regions.LEFT_MOUTH, regions.RIGHT_MOUTH, 3),
    }
    left, right, divisor = names[part]
    ends = points[[left, right]]
    # Dilating by w / n on either side makes a band of twice that.
    width = 2 * _length(ends[1] - ends[0]) / divisor
    return regions.lines(ends, side=side, width=width)


def _halves(sample: TrainingSample, half: Side) -> np.ndarray:
    """bool [T, S, S], that half of each face."""
    side = sample.side_px
    hulls = regions.face_hulls(sample.landmarks, side=side)
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

"""What is done to a picture: functions of one frame, uint8 [H, W, 3] RGB, and its number.

Nothing is drawn: a cell does the same to every file. What training does to crops is done here by
the same transforms, to whole frames.
"""

from typing import Any

import numpy as np
from PIL import Image

from avfake.augment import (
    BrightnessContrast,
    GaussianBlur,
    GaussianNoise,
    Moire,
    PictureTransform,
    Stripes,
)
from avfake.clips import TrainingSample
from avfake.labels import Labels

MOIRE = Stripes(((40.0, 25.0), (41.0, 25.6), (39.0, 24.4)), 0.1)


def scaled(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Each side `share` as long, at least 2 px; the frame itself gets smaller."""
    height, width = (max(2, round(share * side)) for side in frame.shape[:2])
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BOX))


def cropped(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """The middle of the frame, each side `share` as long."""
    height, width = frame.shape[:2]
    rows, columns = max(2, round(share * height)), max(2, round(share * width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return frame[top : top + rows, left : left + columns]


def mirrored(frame: np.ndarray, _number: int) -> np.ndarray:
    """Left and right swapped."""
    return frame[:, ::-1]


def black(frame: np.ndarray, _number: int) -> np.ndarray:
    """Nothing to see."""
    return np.zeros_like(frame)


def blurred(frame: np.ndarray, _number: int, *, deviation_px: float) -> np.ndarray:
    """Gaussian blur."""
    return _changed(GaussianBlur(), frame, deviation_px)


def noisy(frame: np.ndarray, number: int, *, deviation: float) -> np.ndarray:
    """White noise of so many grey levels, other in every frame."""
    return _changed(GaussianNoise(), frame, (deviation, number))


def brightened(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Grey levels shifted by this share of the range; what leaves it is cut."""
    return _changed(BrightnessContrast(), frame, (0.0, share))


def recaptured(frame: np.ndarray, number: int) -> np.ndarray:
    """As filmed off a screen: soft, with a moire whose colours differ, and less contrast."""
    height, width = frame.shape[:2]
    soft = blurred(frame, number, deviation_px=0.8)
    # The moire is made for square crops.
    square = np.zeros((max(height, width),) * 2 + (3,), np.uint8)
    square[:height, :width] = soft
    striped = _changed(Moire(), square, MOIRE)[:height, :width]
    return _changed(BrightnessContrast(), np.ascontiguousarray(striped), (-0.2, 0.08))


def _changed(transform: PictureTransform[Any], frame: np.ndarray, params: object) -> np.ndarray:
    empty = np.zeros((1, 0), np.float32)
    sample = TrainingSample(
        faces=frame[None],
        landmarks=np.zeros((1, 5, 2), np.float32),
        persons=np.zeros(1, np.int64),
        sound=empty,
        crop_sound=empty,
        sample_rate=16_000,
        labels=Labels(),
        weights=Labels(),
    )
    return transform.apply(sample, params).faces[0]

"""Changes of a picture: functions of one frame, uint8 [H, W, 3] RGB, and its number.

Nothing is random: a cell does the same to every file. The transforms are those that training
applies to crops, here on whole frames.
"""

import numpy as np
from PIL import Image

from avfake.augment import change_picture

MOIRE = (((40.0, 25.0), (41.0, 25.6), (39.0, 24.4)), 0.1)
"""Waves over the width and the height of each channel; depth."""


def scaled(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Make each side `share` as long, at least 2 px; the frame itself gets smaller."""
    height, width = (max(2, round(share * side)) for side in frame.shape[:2])
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BOX))


def cropped(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Return the middle of the frame, each side `share` as long."""
    height, width = frame.shape[:2]
    rows, columns = max(2, round(share * height)), max(2, round(share * width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return frame[top : top + rows, left : left + columns]


def mirrored(frame: np.ndarray, _number: int) -> np.ndarray:
    """Swap left and right."""
    return frame[:, ::-1]


def black(frame: np.ndarray, _number: int) -> np.ndarray:
    """Return a black frame."""
    return np.zeros_like(frame)


def blurred(frame: np.ndarray, _number: int, *, deviation_px: float) -> np.ndarray:
    """Blur with a Gaussian."""
    return change_picture(frame, "blur", deviation_px)


def noisy(frame: np.ndarray, number: int, *, deviation: float) -> np.ndarray:
    """Add white noise of so many grey levels, different in every frame."""
    return change_picture(frame, "gaussian_noise", (deviation, number))


def brightened(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Shift grey levels by this share of the range, clipped."""
    return change_picture(frame, "brightness_contrast", (0.0, share))


def recaptured(frame: np.ndarray, number: int) -> np.ndarray:
    """Imitate filming a screen: soft, with a moire whose colours differ, and less contrast."""
    height, width = frame.shape[:2]
    soft = blurred(frame, number, deviation_px=0.8)
    # The moire is made for square crops.
    square = np.zeros((max(height, width),) * 2 + (3,), np.uint8)
    square[:height, :width] = soft
    striped = change_picture(square, "moire", MOIRE)[:height, :width]
    return change_picture(np.ascontiguousarray(striped), "brightness_contrast", (-0.2, 0.08))

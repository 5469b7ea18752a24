"""A forged voice is as loud as the one it stands for."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from avfake.media import Waveform


def as_loud(made: np.ndarray, like: Waveform) -> np.ndarray:
    """`made` with the loudness contour (30 ms) and the overall loudness of `like`."""
    width = int(0.03 * like.sample_rate)
    floor = 1e-6 * float(np.mean(like.samples**2)) + 1e-12

    def contour(samples: np.ndarray) -> np.ndarray:
        return uniform_filter1d(samples.astype(np.float64) ** 2, width, mode="nearest") + floor

    return as_strong(made * np.sqrt(contour(like.samples) / contour(made)).clip(0, 30), like)


def as_strong(made: np.ndarray, like: Waveform) -> np.ndarray:
    """`made` with the overall loudness of `like`."""
    gain = np.sqrt(np.mean(like.samples.astype(np.float64) ** 2) / (np.mean(made**2) + 1e-12))
    return (made * gain).astype(np.float32)

"""How a head moves while it speaks, frame by frame."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d


@dataclass(frozen=True)
class Motion:
    """One value a frame: float32 [T] each."""

    x: np.ndarray
    """Of the middle of the face, px."""
    y: np.ndarray
    unit_px: np.ndarray
    """Size: pixels to a face unit (half the height of the face)."""
    roll: np.ndarray
    """Radians, clockwise."""
    yaw: np.ndarray
    """Turn to the side; 0.3 is a clear turn."""
    pitch: np.ndarray
    eyes_open: np.ndarray
    """0 closed, 1 open."""
    gaze: np.ndarray
    """-1 to 1, sideways."""
    mouth_open: np.ndarray
    """0 closed, 1 wide open."""

    def __len__(self) -> int:
        return len(self.x)


def draw_motion(
    rng: np.random.Generator, mouth_open: np.ndarray, *, size: tuple[int, int], fps: float
) -> Motion:
    """A lively way to hold one's head for as long as `mouth_open` [T]; size is (width, height)."""
    count, (width, height) = len(mouth_open), size
    liveliness = rng.uniform(0.3, 1.4)
    unit = min(rng.uniform(0.21, 0.29) * height, 0.27 * width)

    def wander(spread: float, seconds: float = 0.5) -> np.ndarray:
        return spread * liveliness * _wander(rng, count, fps * seconds)

    nod = -0.04 * rng.uniform(0, 1) * gaussian_filter1d(mouth_open, 1.5)
    return Motion(
        x=(width * rng.uniform(0.44, 0.56) + wander(0.05 * unit)).astype(np.float32),
        y=(height * rng.uniform(0.43, 0.48) + wander(0.04 * unit)).astype(np.float32),
        unit_px=(unit * (1 + wander(0.012))).astype(np.float32),
        roll=(rng.normal(0, 0.04) + wander(0.03)).astype(np.float32),
        yaw=(rng.normal(0, 0.12) + wander(0.09)).astype(np.float32),
        pitch=(rng.normal(0, 0.05) + wander(0.04) + nod).astype(np.float32),
        eyes_open=_blinks(rng, count, fps),
        gaze=np.sign(_wander(rng, count, fps * 0.6) - 0.6).clip(0) * rng.choice([-1, 1]),
        mouth_open=mouth_open.astype(np.float32),
    )


def pose_for_swap(motion: Motion, *, size_px: int) -> Motion:
    """The same expressions on a head held still in the middle of a square picture."""
    still = np.zeros(len(motion), np.float32)
    middle = still + size_px / 2
    return Motion(
        x=middle,
        y=middle,
        unit_px=still + 0.42 * size_px,
        roll=still,
        yaw=0.7 * motion.yaw,
        pitch=0.7 * motion.pitch,
        eyes_open=motion.eyes_open,
        gaze=motion.gaze,
        mouth_open=motion.mouth_open,
    )


def _wander(rng: np.random.Generator, count: int, smoothness: float) -> np.ndarray:
    """Smooth noise of deviation about 1 over `count` frames, float32."""
    margin = int(4 * smoothness) + 1
    noise = gaussian_filter1d(rng.standard_normal(count + 2 * margin), smoothness)
    # White noise smoothed by a Gaussian of deviation s has variance 1 / (2 s sqrt(pi)).
    return (noise[margin:-margin] * np.sqrt(2 * smoothness * np.sqrt(np.pi))).astype(np.float32)


def _blinks(rng: np.random.Generator, count: int, fps: float) -> np.ndarray:
    """Lids over time: mostly open, shut for a fifth of a second every few seconds."""
    seconds = np.arange(count) / fps
    open_level = rng.uniform(0.8, 1.0)
    lids = np.full(count, open_level, np.float32)
    moment = rng.uniform(0, 3)
    while moment < seconds[-1]:
        lids *= 1 - np.exp(-(((seconds - moment) / 0.09) ** 2))
        moment += rng.uniform(1.2, 4)
    return lids

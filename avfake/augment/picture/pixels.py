"""Colour, noise, sharpness and moiré of the crops: the landmarks stay where they are."""

import numpy as np
import torch

from avfake.augment.transform import Parameters
from avfake.clips import TrainingSample

LEVELS = np.arange(256, dtype=np.float64)
LUMA = np.array([0.299, 0.587, 0.114])
TO_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
"""RGB to brightness and the plane of hue and saturation (NTSC)."""


def brightness_contrast(
    sample: TrainingSample, contrast: float, brightness: float
) -> TrainingSample:
    """Scale and shift grey levels: by a gain - 1, and by a share of the range."""
    return _through_curve(sample, (1 + contrast) * LEVELS + 255 * brightness)


def gamma(sample: TrainingSample, exponent: float) -> TrainingSample:
    """Apply a gamma curve, as of another screen or camera."""
    return _through_curve(sample, 255 * (LEVELS / 255) ** exponent)


def draw_exponent(sample: TrainingSample, rng: np.random.Generator, max_ratio: float) -> Parameters:
    """Draw the exponent of a gamma curve, from 1 / `max_ratio` to `max_ratio`."""
    return {"exponent": float(max_ratio ** rng.uniform(-1, 1))}


def hue_saturation(
    sample: TrainingSample, degrees: float, saturation: float, value: float
) -> TrainingSample:
    """Rotate hue and scale saturation in the YIQ plane, and shift brightness.

    saturation: gain - 1; value: shift as a share of the range.
    """
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    middle = np.eye(3)
    middle[1:, 1:] = (1 + saturation) * np.array([[cos, -sin], [sin, cos]])
    return _through_matrix(sample, np.linalg.inv(TO_YIQ) @ middle @ TO_YIQ, 255 * value)


def grey(sample: TrainingSample) -> TrainingSample:
    """Remove the colour."""
    return _through_matrix(sample, np.tile(LUMA, (3, 1)), 0.0)


def fancy_pca(sample: TrainingSample, shift: tuple[float, float, float]) -> TrainingSample:
    """Shift the colours, by grey levels for each channel."""
    return _through_curve(sample, LEVELS[:, None] + np.array(shift))


def draw_shift(sample: TrainingSample, rng: np.random.Generator, deviation: float) -> Parameters:
    """Draw a shift along the directions in which the colours of the clip vary most.

    Krizhevsky et al. 2012, section 4.1: the sum of the eigenvectors of the RGB covariance, each by
    its eigenvalue times a number drawn from N(0, `deviation`).
    """
    pixels = sample.faces[:, ::4, ::4].reshape(-1, 3) / 255
    values, vectors = np.linalg.eigh(np.cov(pixels.T))
    shift = 255 * vectors @ (values * rng.normal(0, deviation, 3))
    return {"shift": tuple(shift.tolist())}


def _through_curve(sample: TrainingSample, curve: np.ndarray) -> TrainingSample:
    """curve: [256] new level of each level, or [256, 3] one for each channel."""
    levels = curve.round().clip(0, 255).astype(np.uint8)
    if levels.ndim == 1:
        return sample.with_pictures(lambda faces: levels[faces])
    return sample.with_pictures(
        lambda faces: np.stack([levels[faces[..., i], i] for i in range(3)], axis=-1)
    )


def _through_matrix(sample: TrainingSample, matrix: np.ndarray, offset: float) -> TrainingSample:
    weights = matrix.T.astype(np.float32)

    def change(faces: np.ndarray) -> np.ndarray:
        mixed = faces.reshape(-1, 3).astype(np.float32) @ weights
        return _levels(mixed + np.float32(offset)).reshape(faces.shape)

    return sample.with_pictures(change)


def _levels(values: np.ndarray) -> np.ndarray:
    """Round to grey levels, in place."""
    return np.rint(values, out=values).clip(0, 255).astype(np.uint8)


def gaussian_noise(sample: TrainingSample, variance: float, seed: int) -> TrainingSample:
    """Add white noise, different in every frame; variance: in grey levels squared."""

    def change(faces: np.ndarray) -> np.ndarray:
        # The same seed for the partner: both come from one recording.
        noisy = np.random.default_rng(seed).standard_normal(faces.shape, np.float32)
        noisy *= np.float32(np.sqrt(variance))
        noisy += faces
        return _levels(noisy)

    return sample.with_pictures(change)


def blur(sample: TrainingSample, deviation_px: float) -> TrainingSample:
    """Blur by a Gaussian."""
    return sample.with_pictures(lambda faces: _blurred(faces, deviation_px))


def sharpen(sample: TrainingSample, amount: float) -> TrainingSample:
    """Sharpen as cameras do, by adding the difference from a blur."""

    def change(faces: np.ndarray) -> np.ndarray:
        sharp = faces.astype(np.float32)
        return _levels(sharp + amount * (sharp - _blurred(faces, 1.0)))

    return sample.with_pictures(change)


def _blurred(faces: np.ndarray, deviation_px: float) -> np.ndarray:
    # Late: it takes longer than importing torch.
    from torchvision.transforms.v2 import functional as F

    if deviation_px <= 0:
        return faces
    reach = max(1, int(np.ceil(2.5 * deviation_px)))
    # Padding by reflection needs more pixels than it reflects.
    reach = min(reach, faces.shape[1] - 1)
    planes = torch.tensor(faces).permute(0, 3, 1, 2)
    blurred = F.gaussian_blur(planes, [2 * reach + 1] * 2, [deviation_px] * 2)
    return np.ascontiguousarray(blurred.permute(0, 2, 3, 1).numpy())


Waves = tuple[tuple[float, float], ...]


def moire(sample: TrainingSample, waves: Waves, depth: float) -> TrainingSample:
    """Add moiré of a screen and a camera: stripes that differ slightly in each colour.

    waves: number over the width and over the height for each channel; depth: share of brightness.
    """
    line = np.linspace(0, 2 * np.pi, sample.side_px, endpoint=False)
    pattern = np.stack(
        [np.cos(across * line[None] + down * line[:, None]) for across, down in waves], axis=-1
    )
    gain = (1 + depth * (pattern - 1) / 2).astype(np.float32)
    return sample.with_pictures(lambda faces: _levels(faces * gain))


def draw_stripes(
    sample: TrainingSample,
    rng: np.random.Generator,
    num_waves: tuple[float, float],
    depth: tuple[float, float],
) -> Parameters:
    """Draw direction, number and depth of the stripes."""
    angle, number = rng.uniform(0, np.pi), rng.uniform(*num_waves)
    across, down = number * np.cos(angle), number * np.sin(angle)
    # The sub-pixels of a screen lie side by side, so the stripes of the colours differ.
    spread = rng.uniform(0.97, 1.03, 3)
    waves = tuple((float(across * share), float(down * share)) for share in spread)
    return {"waves": waves, "depth": float(rng.uniform(*depth))}

"""Colour, noise, sharpness and moiré of the crops: the landmarks stay where they are."""

from dataclasses import dataclass

import numpy as np
import torch
from torchvision.transforms.v2 import functional as F

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample

LEVELS = np.arange(256, dtype=np.float64)
LUMA = np.array([0.299, 0.587, 0.114])
TO_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
"""RGB to brightness and the plane of hue and saturation (NTSC)."""


@dataclass(frozen=True)
class BrightnessContrast(PictureTransform[tuple[float, float]]):
    """Scale and shift grey levels; drawn: (gain - 1, offset as a share of the range)."""

    name = "brightness_contrast"
    max_brightness: float = 0.2
    max_contrast: float = 0.2

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> tuple[float, float]:
        contrast = rng.uniform(-self.max_contrast, self.max_contrast)
        return float(contrast), float(rng.uniform(-self.max_brightness, self.max_brightness))

    def apply(self, sample: TrainingSample, params: tuple[float, float]) -> TrainingSample:
        contrast, brightness = params
        return _through_curve(sample, (1 + contrast) * LEVELS + 255 * brightness)


@dataclass(frozen=True)
class Gamma(PictureTransform[float]):
    """Apply a gamma curve, as of another screen or camera; drawn: the exponent."""

    name = "gamma"
    max_ratio: float = 1.4

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(self.max_ratio ** rng.uniform(-1, 1))

    def apply(self, sample: TrainingSample, params: float) -> TrainingSample:
        return _through_curve(sample, 255 * (LEVELS / 255) ** params)


@dataclass(frozen=True)
class HueSaturation(PictureTransform[tuple[float, float, float]]):
    """Rotate hue and scale saturation in the YIQ plane, and shift brightness.

    Drawn: (degrees, saturation - 1, brightness shift as a share of the range).
    """

    name = "hue_saturation"
    max_hue_degrees: float = 30.0
    max_saturation: float = 0.3
    max_value: float = 0.1

    def parameters(
        self, sample: TrainingSample, rng: np.random.Generator
    ) -> tuple[float, float, float]:
        bounds = np.array([self.max_hue_degrees, self.max_saturation, self.max_value])
        hue, saturation, value = rng.uniform(-bounds, bounds).tolist()
        return hue, saturation, value

    def apply(self, sample: TrainingSample, params: tuple[float, float, float]) -> TrainingSample:
        degrees, saturation, value = params
        cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        chroma = (1 + saturation) * np.array([[cos, -sin], [sin, cos]])
        middle = np.eye(3)
        middle[1:, 1:] = chroma
        return _through_matrix(sample, np.linalg.inv(TO_YIQ) @ middle @ TO_YIQ, 255 * value)


class Grey(PictureTransform[bool]):
    """Remove the colour."""

    name = "grey"

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> bool:
        return True

    def apply(self, sample: TrainingSample, params: bool) -> TrainingSample:
        return _through_matrix(sample, np.tile(LUMA, (3, 1)), 0.0)


@dataclass(frozen=True)
class FancyPCA(PictureTransform[tuple[float, float, float]]):
    """Shift colours along the directions in which those of the clip vary most.

    Krizhevsky et al. 2012, section 4.1: the sum of the eigenvectors of the RGB covariance, each by
    its eigenvalue times a number drawn from N(0, `deviation`). Drawn: the shift in grey levels.
    """

    name = "fancy_pca"
    deviation: float = 0.1

    def parameters(
        self, sample: TrainingSample, rng: np.random.Generator
    ) -> tuple[float, float, float]:
        pixels = sample.faces[:, ::4, ::4].reshape(-1, 3) / 255
        values, vectors = np.linalg.eigh(np.cov(pixels.T))
        shift = 255 * vectors @ (values * rng.normal(0, self.deviation, 3))
        red, green, blue = shift.tolist()
        return red, green, blue

    def apply(self, sample: TrainingSample, params: tuple[float, float, float]) -> TrainingSample:
        return _through_curve(sample, LEVELS[:, None] + np.array(params))


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


@dataclass(frozen=True)
class GaussianNoise(PictureTransform[tuple[float, int]]):
    """Add white noise, different in every frame; drawn: (deviation in grey levels, seed)."""

    name = "gaussian_noise"
    variance: tuple[float, float] = (10.0, 50.0)
    """Grey levels squared."""

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> tuple[float, int]:
        return float(np.sqrt(rng.uniform(*self.variance))), int(rng.integers(2**31))

    def change(self, faces: np.ndarray, params: tuple[float, int]) -> np.ndarray:
        deviation, seed = params
        # The same seed for the partner: both come from one recording.
        noisy = np.random.default_rng(seed).standard_normal(faces.shape, np.float32)
        noisy *= np.float32(deviation)
        noisy += faces
        return _levels(noisy)


@dataclass(frozen=True)
class GaussianBlur(PictureTransform[float]):
    """Blur; drawn: the deviation in px."""

    name = "blur"
    deviation_px: tuple[float, float] = (0.3, 0.8)
    """0.8 is about the largest of a kernel of 3 px."""

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.deviation_px))

    def change(self, faces: np.ndarray, params: float) -> np.ndarray:
        return _blurred(faces, params)


@dataclass(frozen=True)
class Sharpen(PictureTransform[float]):
    """Sharpen as cameras do, by adding the difference from a blur; drawn: its factor."""

    name = "sharpen"
    amount: tuple[float, float] = (0.2, 1.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.amount))

    def change(self, faces: np.ndarray, params: float) -> np.ndarray:
        sharp = faces.astype(np.float32)
        return _levels(sharp + params * (sharp - _blurred(faces, 1.0)))


def _blurred(faces: np.ndarray, deviation_px: float) -> np.ndarray:
    if deviation_px <= 0:
        return faces
    reach = max(1, int(np.ceil(2.5 * deviation_px)))
    # Padding by reflection needs more pixels than it reflects.
    reach = min(reach, faces.shape[1] - 1)
    planes = torch.tensor(faces).permute(0, 3, 1, 2)
    blurred = F.gaussian_blur(planes, [2 * reach + 1] * 2, [deviation_px] * 2)
    return np.ascontiguousarray(blurred.permute(0, 2, 3, 1).numpy())


Stripes = tuple[tuple[tuple[float, float], ...], float]
"""Number of waves over the width and the height for each channel; depth, a share of brightness."""


@dataclass(frozen=True)
class Moire(PictureTransform[Stripes]):
    """Add moiré of a screen and a camera: stripes that differ slightly in each colour."""

    name = "moire"
    probability: float = 0.3
    num_waves: tuple[float, float] = (8.0, 60.0)
    depth: tuple[float, float] = (0.02, 0.12)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Stripes:
        angle, number = rng.uniform(0, np.pi), rng.uniform(*self.num_waves)
        across, down = number * np.cos(angle), number * np.sin(angle)
        # The sub-pixels of a screen lie side by side, so the stripes of the colours differ.
        spread = rng.uniform(0.97, 1.03, 3)
        waves = tuple((float(across * share), float(down * share)) for share in spread)
        return waves, float(rng.uniform(*self.depth))

    def apply(self, sample: TrainingSample, params: Stripes) -> TrainingSample:
        waves, depth = params
        line = np.linspace(0, 2 * np.pi, sample.side_px, endpoint=False)
        pattern = np.stack(
            [np.cos(across * line[None] + down * line[:, None]) for across, down in waves], axis=-1
        )
        gain = (1 + depth * (pattern - 1) / 2).astype(np.float32)
        return sample.with_pictures(lambda faces: _levels(faces * gain))

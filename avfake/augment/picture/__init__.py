"""Transforms of the crops: one drawn change for all frames of a clip, landmarks going along."""

from avfake.augment.picture.colour import (
    BrightnessContrast,
    FancyPCA,
    Gamma,
    Grey,
    HueSaturation,
)
from avfake.augment.picture.cutouts import BitmapCutout, HalfFaceCutout, LandmarkCutout
from avfake.augment.picture.erasing import RandomErasing
from avfake.augment.picture.geometry import Flip, ShiftScaleRotate
from avfake.augment.picture.jpeg import Jpeg
from avfake.augment.picture.noise import GaussianNoise
from avfake.augment.picture.recapture import Moire
from avfake.augment.picture.scaling import Downscale, Rescale
from avfake.augment.picture.sharpness import GaussianBlur, Sharpen
from avfake.augment.picture.video_codec import VideoCodec

__all__ = [
    "BitmapCutout",
    "BrightnessContrast",
    "Downscale",
    "FancyPCA",
    "Flip",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Grey",
    "HalfFaceCutout",
    "HueSaturation",
    "Jpeg",
    "LandmarkCutout",
    "Moire",
    "RandomErasing",
    "Rescale",
    "Sharpen",
    "ShiftScaleRotate",
    "VideoCodec",
]

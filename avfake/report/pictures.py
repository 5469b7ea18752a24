"""Arrays to pictures that stand in the page itself."""

import base64
import io

import numpy as np
from PIL import Image

FORGED, GENUINE = np.array([213.0, 94.0, 0.0]), np.array([0.0, 114.0, 178.0])
"""Vermilion and blue of `figures.style`: which colour-blind readers can distinguish."""
STRONGEST = 0.75
"""Opacity of the strongest evidence; what lies below stays visible."""
JPEG_QUALITY = 90
"""A crop is a JPEG in its clip, too; PNG took ten times the bytes."""
LUMA = np.array([0.299, 0.587, 0.114])


def crop_uri(crop: np.ndarray) -> str:
    """Return a picture [H, W, 3] as a data URI."""
    return _uri(Image.fromarray(crop))


def heat_uri(crop: np.ndarray, heat: np.ndarray, *, strongest: float) -> str:
    """Return a crop [S, S, 3] in grey with its heat [S, S] over it, as a data URI.

    In grey, because skin and vermilion are too much alike. strongest: the heat of full colour.
    """
    return _uri(Image.fromarray(_laid_over(crop @ LUMA, heat, strongest)))


def spectrogram_uri(spectrogram: np.ndarray, saliency: np.ndarray, *, strongest: float) -> str:
    """Return log power [bands, times] in grey under vermilion (forged) and blue (genuine)."""
    low, high = np.percentile(spectrogram, [2, 99.5])
    grey = 255 * ((spectrogram - low) / max(high - low, 1e-6)).clip(0, 1)
    picture = _laid_over(grey, saliency, strongest)
    image = Image.fromarray(np.ascontiguousarray(picture[::-1]))
    return _uri(image.resize((3 * image.width, 3 * image.height), Image.Resampling.BILINEAR))


def _laid_over(grey: np.ndarray, evidence: np.ndarray, strongest: float) -> np.ndarray:
    """Return uint8 [H, W, 3] of grey [H, W] in 0..255 and evidence [H, W]."""
    opacity = STRONGEST * (np.abs(evidence) / max(strongest, 1e-9)).clip(0, 1)[..., None]
    colour = np.where(evidence[..., None] > 0, FORGED, GENUINE)
    painted: np.ndarray = grey[..., None] * (1 - opacity) + colour * opacity
    return painted.round().astype(np.uint8)


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()

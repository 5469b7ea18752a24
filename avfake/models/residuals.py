"""Noise residuals of pictures: the difference between a pixel and its prediction by neighbours.

Three high-pass filters of the spatial rich model (Fridrich & Kodovsky 2012) on the brightness,
clamped at a few grey levels, as in two-stream manipulation detection (Zhou et al. 2018). They hold
hardly any appearance of a face, but how its pixels were made and blended.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CUT = 3.0
"""Grey levels, on 0..255."""
_BRIGHTNESS = (0.299, 0.587, 0.114)
# Second order along a row; second order over 3 x 3; the square filter of 5 x 5 ("KV").
_FILTERS = (
    (((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 1, -2, 1, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0)), 2),
    (((0, 0, 0, 0, 0), (0, -1, 2, -1, 0), (0, 2, -4, 2, 0), (0, -1, 2, -1, 0), (0, 0, 0, 0, 0)), 4),
    (
        (
            (-1, 2, -2, 2, -1),
            (2, -6, 8, -6, 2),
            (-2, 8, -12, 8, -2),
            (2, -6, 8, -6, 2),
            (-1, 2, -2, 2, -1),
        ),
        12,
    ),
)


def residual_filters() -> Tensor:
    """Return filters, float32 [3, 1, 5, 5]; each sums to 0."""
    kernels = [torch.tensor(kernel, dtype=torch.float32) / scale for kernel, scale in _FILTERS]
    return torch.stack(kernels)[:, None]


def noise_residuals(pixels: Tensor) -> Tensor:
    """float [M, 3, H, W] on 0..255 -> [M, 3, H, W] in -1..1, one channel a filter."""
    weights = pixels.new_tensor(_BRIGHTNESS)
    brightness = torch.einsum("mchw,c->mhw", pixels, weights)[:, None]
    padded = F.pad(brightness, (2, 2, 2, 2), mode="reflect")
    found = F.conv2d(padded, residual_filters().to(pixels))
    return found.clamp(-CUT, CUT) / CUT

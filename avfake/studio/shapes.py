"""The drawing tools: soft shapes from distances, and smooth noise."""

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

TEXTURE_PX = 256
"""Side of the square in which a head is painted."""
EXTENT = 1.9
"""The square reaches from -EXTENT to EXTENT in face units."""
PX_PER_UNIT = TEXTURE_PX / (2 * EXTENT)


def canonical_grid() -> tuple[np.ndarray, np.ndarray]:
    """u (rightwards) and v (downwards) of every pixel of the head's square: float32 [S, S] each."""
    line = ((np.arange(TEXTURE_PX) + 0.5) / TEXTURE_PX * 2 - 1) * EXTENT
    v, u = np.meshgrid(line.astype(np.float32), line.astype(np.float32), indexing="ij")
    return u, v


def cover(distance: np.ndarray, softness: float = 1.2 / PX_PER_UNIT) -> np.ndarray:
    """How much of a pixel lies inside a shape: 1 inside (distance < 0), 0 outside, soft between."""
    ramp = np.clip(0.5 - distance / softness, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def ellipse(
    u: np.ndarray, v: np.ndarray, centre: tuple[float, float], radii: tuple[float, float]
) -> np.ndarray:
    """Approximate signed distance to an ellipse, in the units of u and v."""
    radius = np.hypot((u - centre[0]) / radii[0], (v - centre[1]) / radii[1])
    return (radius - 1) * min(radii)


def bump(
    u: np.ndarray, v: np.ndarray, centre: tuple[float, float], widths: tuple[float, float]
) -> np.ndarray:
    """A Gaussian hill of height 1."""
    return np.exp(-(((u - centre[0]) / widths[0]) ** 2) - ((v - centre[1]) / widths[1]) ** 2)


def paint(canvas: np.ndarray, colour: np.ndarray, amount: np.ndarray) -> None:
    """Lay a colour ([3] or [H, W, 3]) over canvas [H, W, 3] in place, as thick as amount [H, W]."""
    canvas += amount[..., None] * (np.asarray(colour, np.float32) - canvas)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]
) -> np.ndarray:
    """float32 [H, W] noise of mean 0 and deviation 1 with about `cells` lumps down and across."""
    coarse = rng.standard_normal((cells[0] + 3, cells[1] + 3)).astype(np.float32)
    factors = (shape[0] / cells[0], shape[1] / cells[1])
    fine = gaussian_filter(zoom(coarse, factors, order=1), (factors[0] / 3, factors[1] / 3))
    fine = fine[: shape[0], : shape[1]]
    return (fine - fine.mean()) / (fine.std() + 1e-6)

"""Faces aligned by their five points, and soft masks over parts of them.

The landmarks that published methods build hulls of (68 or 81 of them) need a network; here a mean
shape with depth stands in for them. Its proportions are those of anthropometric tables: the face
2.2 eye distances wide, 1.8 from the eyes to the chin, the nose half a distance in front of the
eyes. It is fitted by rotation, scale and shift; the sideways offset of the nose gives the turn of
the head. The drawn deformations are many times larger than the error of the fit.
"""

import numpy as np
import torch
import torch.nn.functional as F

TEMPLATE = np.array([[0.35, 0.38], [0.65, 0.38], [0.5, 0.55], [0.385, 0.71], [0.615, 0.71]])
"""The five points of an aligned face, in units of its side (x, y)."""


def fit_similarity(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Fit rotation, scale and shift [T, 2, 3] that map points [T, N, 2] to onto [.., N, 2].

    Least squares in closed form: points as complex numbers, z -> a z + b.
    """
    z = points[..., 0] + 1j * points[..., 1]
    w = np.broadcast_to(onto[..., 0] + 1j * onto[..., 1], z.shape)
    z_mean, w_mean = z.mean(-1, keepdims=True), w.mean(-1, keepdims=True)
    spread = (np.abs(z - z_mean) ** 2).sum(-1)
    if np.any(spread == 0):
        raise ValueError("landmarks of a face must not all be the same point")
    a = ((w - w_mean) * np.conj(z - z_mean)).sum(-1) / spread
    b = w_mean[..., 0] - a * z_mean[..., 0]
    rows = [[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def fit_template(landmarks: np.ndarray) -> np.ndarray:
    """Fit transforms [T, 2, 3] that map aligned coordinates onto faces with landmarks [T, 5, 2]."""
    return fit_similarity(np.broadcast_to(TEMPLATE, landmarks.shape), landmarks.astype(float))


def invert(transforms: np.ndarray) -> np.ndarray:
    """Return the inverse of each of [T, 2, 3]."""
    turn = np.linalg.inv(transforms[:, :, :2])
    return np.concatenate([turn, -turn @ transforms[:, :, 2:]], axis=2)


def centres(part: slice) -> np.ndarray:
    """Return the centres of some rows or columns, in px."""
    return np.arange(part.start, part.stop) + 0.5


def pixel_grid(transforms: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    """Map the points (columns x rows) of each picture: float32 [T, rows, columns, 2]."""
    matrix = torch.from_numpy(transforms.astype(np.float32))[:, None, None]
    x = torch.from_numpy(columns.astype(np.float32))[None, None, :, None]
    y = torch.from_numpy(rows.astype(np.float32))[None, :, None, None]
    return matrix[..., 0] * x + matrix[..., 1] * y + matrix[..., 2]


_JAW = (
    (0.175, 0.40, -0.25),
    (0.185, 0.53, -0.22),
    (0.21, 0.64, -0.16),
    (0.26, 0.75, -0.10),
    (0.33, 0.84, -0.03),
    (0.42, 0.90, 0.03),
    (0.50, 0.915, 0.05),
)
_FOREHEAD = ((0.18, 0.27, -0.20), (0.24, 0.14, -0.10), (0.36, 0.06, -0.02), (0.50, 0.04, 0.0))
_BROWS = ((0.21, 0.31, -0.08), (0.27, 0.265, 0.0), (0.36, 0.25, 0.04), (0.45, 0.27, 0.06))
_CHEEK = ((0.25, 0.42, -0.03), (0.28, 0.57, 0.0), (0.33, 0.71, 0.0))
_UNDER_EYE = ((0.23, 0.42, -0.04), (0.34, 0.465, 0.0), (0.46, 0.47, 0.08))
_LIPS = ((0.37, 0.705, 0.02), (0.41, 0.665, 0.06), (0.48, 0.65, 0.09))
_BELOW_LIPS = ((0.40, 0.765, 0.04), (0.47, 0.80, 0.05))
REGIONS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "whole_face": _JAW + _FOREHEAD,
    "no_forehead": _JAW + _BROWS,
    "inner_face": _BROWS + _CHEEK + _BELOW_LIPS,
    "mouth_and_chin": _JAW[3:] + ((0.27, 0.67, -0.06), (0.36, 0.61, 0.0), (0.45, 0.60, 0.08)),
    "mouth": _LIPS + _BELOW_LIPS,
    "eyes": _BROWS + _UNDER_EYE,
}
"""Hull kind -> corners of its left half (x, y as in `TEMPLATE`, depth towards the camera)."""
_NOSE_DEPTH = 0.15
_MAX_TURN = 0.6
"""Sine of the largest plausible turn of the head."""


def fit_hull(region: str, landmarks: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return corners [T, N, 2] of the hull in aligned units, turned as each head is.

    landmarks: aligned points [T, 5, 2]; scale: [2], width and height of the hull, 1 = the mean.
    """
    half = np.array(REGIONS[region])
    x, y, depth = np.concatenate([half, half * (-1, 1, 1) + (1, 0, 0)]).T
    middle = (y.min() + y.max()) / 2
    x, y = (x - 0.5) * scale[0], (y - middle) * scale[1] + middle
    # [T, 1]; least squares has already moved all five points by a fifth towards the nose.
    turn = ((landmarks[:, 2, :1] - TEMPLATE[2, 0]) * 1.25 / _NOSE_DEPTH).clip(-_MAX_TURN, _MAX_TURN)
    turned = 0.5 + x * np.sqrt(1 - turn**2) + depth * turn
    return np.stack([turned, np.broadcast_to(y, turned.shape)], axis=2)


def outside_distance(corners: np.ndarray, points: torch.Tensor) -> torch.Tensor:
    """Distance of each point [H, W, 2] from the convex hull of `corners` [N, 2]; inside < 0."""
    from scipy.spatial import ConvexHull

    sides = torch.from_numpy(ConvexHull(corners).equations.astype(np.float32))  # [M, 3]
    flat = torch.addmm(sides[:, 2:], sides[:, :2], points.reshape(-1, 2).T)  # [M, H * W]
    return flat.amax(dim=0).view(points.shape[:2])


def smooth_field(rng: np.random.Generator, size: int, cells: int, channels: int) -> torch.Tensor:
    """Draw smooth noise [channels, size, size] of deviation 1 with about `cells` bumps per side."""
    coarse = torch.from_numpy(rng.standard_normal((1, channels, cells + 3, cells + 3), np.float32))
    field = F.interpolate(coarse, (size, size), mode="bicubic", align_corners=False)[0]
    return field / field.std().clamp_min(1e-6)


def blur(masks: torch.Tensor, deviation: float) -> torch.Tensor:
    """Blur masks [T, H, W] by a Gaussian of that deviation in px, with zeros outside."""
    radius = max(1, round(2.5 * deviation))
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / max(deviation, 1e-3)) ** 2)
    line = (line / line.sum()).view(1, 1, 1, -1)
    across = F.conv2d(masks[:, None], line, padding=(0, radius))
    return F.conv2d(across, line.transpose(2, 3), padding=(radius, 0))[:, 0]


def aligned_coordinates(
    landmarks: np.ndarray, size: int, cells: int
) -> tuple[np.ndarray, torch.Tensor]:
    """Return aligned points [T, 5, 2] and aligned coordinates [T, cells, cells, 2] of a grid.

    The grid covers the crop. landmarks: [T, 5, 2] px of crops of side `size`.
    """
    to_aligned = fit_similarity(landmarks, TEMPLATE)
    turned = landmarks @ to_aligned[:, :, :2].transpose(0, 2, 1)
    line = (np.arange(cells) + 0.5) * size / cells
    return turned + to_aligned[:, None, :, 2], pixel_grid(to_aligned, line, line)

"""Faces brought into one frame of reference by their five points."""

import numpy as np
import torch

TEMPLATE = np.array([[0.35, 0.38], [0.65, 0.38], [0.5, 0.55], [0.385, 0.71], [0.615, 0.71]])
"""Where the five points lie in an aligned face, in units of its side (x, y)."""


def fit_similarity(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """The turn, scale and shift that carry points [T, N, 2] nearest to onto [.., N, 2]: [T, 2, 3].

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


def invert(transforms: np.ndarray) -> np.ndarray:
    """The way back for each of [T, 2, 3]."""
    turn = np.linalg.inv(transforms[:, :, :2])
    return np.concatenate([turn, -turn @ transforms[:, :, 2:]], axis=2)


def pixel_grid(transforms: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    """Where the points (columns x rows) of each picture land: float32 [T, rows, columns, 2]."""
    matrix = torch.from_numpy(transforms.astype(np.float32))[:, None, None]
    x = torch.from_numpy(columns.astype(np.float32))[None, None, :, None]
    y = torch.from_numpy(rows.astype(np.float32))[None, :, None, None]
    return matrix[..., 0] * x + matrix[..., 1] * y + matrix[..., 2]

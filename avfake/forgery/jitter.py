"""Small drawn differences between two versions of one picture: colours, sharpness, place."""

import math

import numpy as np
import torch
import torch.nn.functional as F

_GREY = torch.tensor([0.299, 0.587, 0.114])
_TO_YIQ = torch.tensor(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)


def colour_change(
    *, shift: np.ndarray, hue: float, saturation: float, value: float, contrast: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrix [3, 3] and offset [3] of a colour change, in grey levels.

    shift: [3] grey levels a channel; hue in turns; the rest are gains less 1. A turn of the hue is
    taken in the YIQ plane, so that everything together is one matrix.
    """
    angle = 2 * math.pi * hue
    turn = torch.eye(3)
    turn[1:, 1:] = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    hued = torch.linalg.inv(_TO_YIQ) @ turn @ _TO_YIQ
    grey = _GREY.expand(3, 3)
    matrix = ((1 + saturation) * torch.eye(3) - saturation * grey) @ hued
    matrix = matrix * (1 + value) * (1 + contrast)
    # Contrast turns about middle grey.
    return matrix, torch.from_numpy(shift.astype(np.float32)) - 128 * contrast


def apply_colours(planes: torch.Tensor, change: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """[T, 3, H, W] grey levels through a `colour_change`."""
    matrix, offset = change
    changed = torch.baddbmm(
        offset[None, :, None], matrix.expand(len(planes), 3, 3), planes.flatten(2)
    )
    return changed.view_as(planes).clamp_(0, 255)


def lower_resolution(planes: torch.Tensor, factor: float, mode: str) -> torch.Tensor:
    """[T, 3, H, W] after being `factor` times smaller; mode: of `F.interpolate`, for the way up."""
    size = planes.shape[2:]
    small = [max(2, round(side / factor)) for side in size]
    reduced = F.interpolate(planes, small, mode="bilinear", antialias=True)
    aligned = None if mode == "nearest" else False
    return F.interpolate(reduced, size, mode=mode, align_corners=aligned).clamp(0, 255)


def sharpen(planes: torch.Tensor, amount: float) -> torch.Tensor:
    """[T, 3, H, W] with `amount` of what a 3 x 3 mean takes away added once more."""
    mean = F.avg_pool2d(planes, 3, stride=1, padding=1, count_include_pad=False)
    return planes.lerp(mean, -amount).clamp_(0, 255)


def move(planes: torch.Tensor, shift_px: np.ndarray, scale: float) -> torch.Tensor:
    """[T, 3, H, W] moved by shift_px [T, 2] (x, y) and magnified about their middle by scale."""
    height, width = planes.shape[2:]
    # In units of grid_sample: -1..1 over the side.
    middles = -2 * shift_px / (width * scale, height * scale)
    x = _line(width) / scale + torch.from_numpy(middles[:, 0].astype(np.float32))[:, None]
    y = _line(height) / scale + torch.from_numpy(middles[:, 1].astype(np.float32))[:, None]
    grid = torch.empty(len(planes), height, width, 2)
    grid[..., 0], grid[..., 1] = x[:, None, :], y[:, :, None]
    return F.grid_sample(planes, grid, align_corners=False, padding_mode="border")


def _line(count: int) -> torch.Tensor:
    return (torch.arange(count) + 0.5) * (2 / count) - 1

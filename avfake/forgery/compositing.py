"""Blending of forged pixels into genuine frames: colours, sharpness, edges, and the true mask."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


def face_mask(
    coordinates: torch.Tensor, *, half_width: float, half_height: float, softness: float
) -> torch.Tensor:
    """Return the opacity [T, H, W] of a pasted face at aligned coordinates [T, H, W, 2].

    It is an ellipse from brows to chin. softness: width of the soft edge inside of it, as a share.
    """
    x = (coordinates[..., 0] - 0.5) / half_width
    y = (coordinates[..., 1] - 0.54) / half_height
    # A little squarer than an ellipse, as faces are.
    radius = (x.abs().pow(2.4) + y.abs().pow(2.4)).pow(1 / 2.4)
    ramp = ((1 - radius) / softness).clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def transfer_colour(
    faces: torch.Tensor,
    sample: torch.Tensor,
    like: torch.Tensor,
    weights: torch.Tensor,
    *,
    share: float,
) -> torch.Tensor:
    """Move mean and spread of each channel of faces by `share` from those of `sample` to `like`.

    faces, sample, like: [T, 3, H, W] float; weights: [1, 1, H, W] of the pixels of the last two.
    """
    mean, deviation = _moments(sample, weights)
    mean_like, deviation_like = _moments(like, weights)
    # Bounded, or a flat face would become noise.
    gain = (deviation_like / deviation).clamp(0.5, 2.0)
    matched = (faces - mean) * gain + mean_like
    return faces + share * (matched - faces)


def grain_level(pictures: torch.Tensor) -> float:
    """Estimate the deviation of the noise in [T, 3, H, W], in grey levels (Immerkaer 1996)."""
    # Second differences both ways remove slopes and straight edges and amplify noise 6-fold.
    ripple = pictures.diff(n=2, dim=2).diff(n=2, dim=3)
    return float(ripple.abs().mean()) * (torch.pi / 2) ** 0.5 / 6


def _moments(faces: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weighted mean and deviation over the whole clip: [1, 3, 1, 1] each."""
    total = weights.sum() * len(faces) + 1e-6
    mean = (faces * weights).sum(dim=(0, 2, 3), keepdim=True) / total
    variance = ((faces - mean) ** 2 * weights).sum(dim=(0, 2, 3), keepdim=True) / total
    return mean, variance.sqrt() + 1.0


_TO_YIQ = torch.tensor(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)


def colour_change(
    *, shift: np.ndarray, hue: float, saturation: float, value: float, contrast: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return matrix [3, 3] and offset [3] of a colour change, in grey levels.

    shift: [3] grey levels per channel; hue in turns; the others are gains - 1. The hue is rotated
    in the YIQ plane, so that all changes form one matrix.
    """
    angle = 2 * math.pi * hue
    turn = torch.eye(3)
    turn[1:, 1:] = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    hued = torch.linalg.inv(_TO_YIQ) @ turn @ _TO_YIQ
    grey = _TO_YIQ[0].expand(3, 3)
    matrix = ((1 + saturation) * torch.eye(3) - saturation * grey) @ hued
    matrix = matrix * (1 + value) * (1 + contrast)
    # Contrast keeps middle grey.
    return matrix, torch.from_numpy(shift.astype(np.float32)) - 128 * contrast


def apply_colours(planes: torch.Tensor, change: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Apply a `colour_change` to [T, 3, H, W] grey levels."""
    matrix, offset = change
    changed = torch.baddbmm(
        offset[None, :, None], matrix.expand(len(planes), 3, 3), planes.flatten(2)
    )
    return changed.view_as(planes).clamp_(0, 255)


def lower_resolution(planes: torch.Tensor, factor: float, mode: str) -> torch.Tensor:
    """Reduce [T, 3, H, W] `factor` times and enlarge it again by `mode` of `F.interpolate`."""
    size = planes.shape[2:]
    small = [max(2, round(side / factor)) for side in size]
    reduced = F.interpolate(planes, small, mode="bilinear", antialias=True)
    aligned = None if mode == "nearest" else False
    return F.interpolate(reduced, size, mode=mode, align_corners=aligned).clamp(0, 255)


def sharpen(planes: torch.Tensor, amount: float) -> torch.Tensor:
    """Sharpen [T, 3, H, W] by `amount` of its difference from the 3 x 3 mean."""
    mean = F.avg_pool2d(planes, 3, stride=1, padding=1, count_include_pad=False)
    return planes.lerp(mean, -amount).clamp_(0, 255)


def move(planes: torch.Tensor, shift_px: np.ndarray, scale: float) -> torch.Tensor:
    """Move [T, 3, H, W] by shift_px [T, 2] (x, y) and magnify it about its centre by scale."""
    height, width = planes.shape[2:]
    # In units of grid_sample: -1..1 over the side.
    middles = -2 * shift_px / (width * scale, height * scale)
    middle_x, middle_y = torch.from_numpy(middles.T.astype(np.float32))[:, :, None, None]
    x, y = grid_lines(height, width)
    grid = torch.broadcast_tensors(x / scale + middle_x, y / scale + middle_y)
    return F.grid_sample(
        planes, torch.stack(grid, dim=3), align_corners=False, padding_mode="border"
    )


def grid_lines(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return x [1, width] and y [height, 1] of pixels for `F.grid_sample`: -1..1 over the sides."""
    x, y = ((torch.arange(count) + 0.5) * (2 / count) - 1 for count in (width, height))
    return x[None], y[:, None]


_FRAMES_AT_A_TIME = 4


@dataclass(frozen=True)
class FaceSwap:
    """Forged frames and the mask of their forged pixels."""

    pixels: np.ndarray
    """uint8 [T, H, W, 3]."""
    mask: np.ndarray
    """bool [T, H, W]: the forged area; pixels outside of it are unchanged."""


def draw_flicker(rng: np.random.Generator, count: int, spread: float) -> torch.Tensor:
    """Draw gains [T, 3, 1, 1]: of brightness and, weaker, of colour."""
    gains = 1 + rng.normal(0, spread, (count, 1)) + rng.normal(0, spread / 3, (count, 3))
    return torch.from_numpy(gains[:, :, None, None].astype(np.float32))


def to_planes(pixels: np.ndarray) -> torch.Tensor:
    """Convert uint8 [T, H, W, 3] to float32 [T, 3, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()


def to_pixels(planes: torch.Tensor) -> np.ndarray:
    """Convert float32 [T, 3, H, W] to uint8 [T, H, W, 3]."""
    return planes.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def compose(
    target: np.ndarray, where: tuple[slice, slice], blended: torch.Tensor, opacity: torch.Tensor
) -> FaceSwap:
    """Return the target [T, H, W, 3] with the part `where` (rows, columns) taken from `blended`.

    blended: [T, 3, h, w]; opacity: [T, h, w], forged share of each pixel.
    """
    forged = to_pixels(blended)
    # Below this opacity no channel can change by half a grey level.
    area = (opacity > 0.5 / 255).numpy()
    pixels, mask = target.copy(), np.zeros(target.shape[:3], bool)
    part = pixels[:, where[0], where[1]]
    part[area] = forged[area]
    mask[:, where[0], where[1]] = area
    return FaceSwap(pixels, mask)


Window = tuple[slice, slice, slice]
"""Frames, rows and columns of the part of the crops that is forged at once."""


def forge_windows(
    crops: np.ndarray,
    opacity: torch.Tensor,
    forge: Callable[[torch.Tensor, Window], torch.Tensor],
) -> FaceSwap:
    """Blend forge(part [k, 3, h, w], window) into crops [T, S, S, 3] by their opacity [T, S, S].

    Only the rectangle around all masks is processed, a few frames at a time: what fits the cache is
    several times faster.
    """
    rows, columns = _reach(opacity)
    swaps = []
    for start in range(0, len(crops), _FRAMES_AT_A_TIME):
        window = slice(start, start + _FRAMES_AT_A_TIME), rows, columns
        part, cover = to_planes(crops[window]), opacity[window]
        blended = part.lerp(forge(part, window), cover[:, None])
        swaps.append(compose(crops[window[0]], (rows, columns), blended, cover))
    return FaceSwap(
        np.concatenate([swap.pixels for swap in swaps]),
        np.concatenate([swap.mask for swap in swaps]),
    )


def _reach(opacity: torch.Tensor) -> tuple[slice, slice]:
    """Return rows and columns that contain every mask, with a margin for movement and filters."""
    seen = opacity.amax(dim=0) > 0
    size = len(seen)
    margin = 4 + size // 20
    bounds = []
    for used in (seen.any(dim=1), seen.any(dim=0)):
        indices = used.nonzero()
        low, high = (int(indices[0]), int(indices[-1])) if len(indices) else (0, 0)
        bounds.append(slice(max(0, low - margin), min(size, high + 1 + margin)))
    return bounds[0], bounds[1]

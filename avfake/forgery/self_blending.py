"""A face blended with a slightly altered copy of itself: a forgery without a second person.

Every pasted face has a seam and two histories: colours, sharpness and position of the inside differ
slightly from the outside (Shiohara & Yamasaki 2022; hulls of several kinds as in Li et al. 2020).
A model trained on such blends has nothing else to learn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from avfake.forgery.compositing import (
    FaceSwap,
    Window,
    apply_colours,
    colour_change,
    draw_flicker,
    forge_windows,
    lower_resolution,
    move,
    sharpen,
    to_pixels,
    to_planes,
)
from avfake.forgery.faces_in_place import (
    REGIONS,
    aligned_coordinates,
    blur,
    fit_hull,
    outside_distance,
    smooth_field,
)

_MASK_PX = 96
"""Side at which the soft masks are computed before they are enlarged."""
Alteration = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class SelfBlendConfig:
    """Ranges of settings drawn once per clip, in shares of the crop's side unless stated."""

    regions: tuple[str, ...] = tuple(REGIONS)
    """Kinds of hull to draw from: keys of `REGIONS`."""
    hull_scale: tuple[float, float] = (0.9, 1.12)
    """Width and height of the hull over those of the mean face, drawn separately."""
    elastic: tuple[float, float] = (0.003, 0.02)
    """Deviation of the hull's elastic deformation."""
    erosion: tuple[float, float] = (0.0, 0.04)
    """How much smaller the opaque core is than the hull: the first of the paper's two blurs."""
    softness: tuple[float, float] = (0.006, 0.045)
    """Deviation of the second blur, which makes the edge."""
    ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    """Opacity of the inside."""
    rgb_shift: float = 20.0
    """Largest shift of each channel, in grey levels."""
    hue: float = 0.03
    """Turns."""
    saturation: float = 0.3
    value: float = 0.1
    contrast: float = 0.1
    colour_probability: float = 0.3
    """Probability of each: channel shift; hue, saturation and value; brightness and contrast."""
    downscale: tuple[float, float] = (1.3, 4.0)
    """Factors; drawn with probability 1/2, else the copy is sharpened."""
    sharpening: tuple[float, float] = (0.2, 1.0)
    shift: tuple[float, float] = (0.03, 0.015)
    """Largest movement of the copy in x and in y."""
    scale: tuple[float, float] = (0.95, 1.05)
    tremble: float = 0.0015
    """Deviation of the copy's position from frame to frame; 0 with probability 1/2."""
    flicker: float = 0.0
    """Deviation of the copy's brightness from frame to frame, as a share."""
    target_share: float = 0.0
    """How often the surroundings are altered instead of the copy (0.5 in the paper). Then pixels
    outside the mask change too, all in the same way; 0 keeps them unchanged."""


_DEFAULTS = SelfBlendConfig()


def self_blend(
    crops: np.ndarray,
    landmarks: np.ndarray,
    rng: np.random.Generator,
    config: SelfBlendConfig = _DEFAULTS,
) -> FaceSwap:
    """Blend part of each face with an altered copy of itself; one draw for all frames.

    crops: uint8 [T, S, S, 3]; landmarks: float32 [T, 5, 2] px, in the order of `faces.Detections`.
    """
    size = crops.shape[1]
    opacity = draw_opacity(landmarks, size, rng, config) * float(rng.choice(config.ratios))
    tremble = config.tremble * (rng.random() < 0.5)
    shift = rng.uniform(-1, 1, 2) * config.shift
    shifts_px = (shift + rng.normal(0, 1, (len(opacity), 2)) * tremble) * size
    scale = float(rng.uniform(*config.scale))
    gains = draw_flicker(rng, len(opacity), config.flicker) if config.flicker else None
    alter = draw_alteration(rng, config)
    alters_target = rng.random() < config.target_share
    if alters_target:
        crops = to_pixels(alter(to_planes(crops)))

    def copy(part: torch.Tensor, window: Window) -> torch.Tensor:
        moved = move(part, shifts_px[window[0]], scale)
        changed = moved if alters_target else alter(moved)
        return changed if gains is None else changed.mul_(gains[window[0]]).clamp_(0, 255)

    return forge_windows(crops, opacity, copy)


def draw_opacity(
    landmarks: np.ndarray, size_px: int, rng: np.random.Generator, config: SelfBlendConfig
) -> torch.Tensor:
    """Draw soft masks [T, S, S] in 0..1 over one region of each face, equal in all frames."""
    region = str(rng.choice(config.regions))
    scale = rng.uniform(*config.hull_scale, 2)
    bend = smooth_field(rng, _MASK_PX, int(rng.integers(3, 12)), 2) * rng.uniform(*config.elastic)
    erosion, softness = rng.uniform(*config.erosion), rng.uniform(*config.softness)
    points, grid = aligned_coordinates(landmarks.astype(float), size_px, _MASK_PX)
    grid = grid + bend.permute(1, 2, 0)
    cell = float((grid[0, 0, 1] - grid[0, 0, 0]).norm())
    # Less erosion for a small region, or nothing would be left of it.
    erosion *= min(1.0, 2 * np.ptp(np.array([y for _, y, _ in REGIONS[region]])))
    corners = fit_hull(region, points, scale)
    distance = torch.stack([outside_distance(c, p) for c, p in zip(corners, grid, strict=True)])
    core = (0.5 - (distance + erosion) / cell).clamp(0, 1)
    soft = blur(core, softness * _MASK_PX)
    soft = F.interpolate(soft[:, None], (size_px, size_px), mode="bilinear", align_corners=False)
    return soft[:, 0]


def draw_alteration(rng: np.random.Generator, config: SelfBlendConfig) -> Alteration:
    """Draw a change of colours and sharpness, for planes [T, 3, H, W] of grey levels."""
    shift, hsv, bc = rng.uniform(size=3) < config.colour_probability
    spread = rng.uniform(-1, 1, 8)
    colours = colour_change(
        shift=spread[:3] * config.rgb_shift * shift + spread[3] * config.contrast * 128 * bc,
        hue=spread[4] * config.hue * hsv,
        saturation=spread[5] * config.saturation * hsv,
        value=spread[6] * config.value * hsv,
        contrast=spread[7] * config.contrast * bc,
    )
    mode = str(rng.choice(["bilinear", "bicubic", "nearest"], p=[0.5, 0.3, 0.2]))
    factor, amount = rng.uniform(*config.downscale), rng.uniform(*config.sharpening)
    is_reduced = rng.random() < 0.5

    def alter(planes: torch.Tensor) -> torch.Tensor:
        if shift or hsv or bc:
            planes = apply_colours(planes, colours)
        return lower_resolution(planes, factor, mode) if is_reduced else sharpen(planes, amount)

    return alter

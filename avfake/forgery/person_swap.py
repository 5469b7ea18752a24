"""Parts of a face taken from other frames of the same clip, or moved within the frame.

Forgeries that animate a genuine person use the pixels of that person at the wrong time: lip-sync
shows lips of another word, a talking head made of one picture repeats its texture, and motion
fields move skin.
"""

import numpy as np
import torch
import torch.nn.functional as F

from avfake.forgery.compositing import (
    FaceSwap,
    Window,
    forge_windows,
    grid_lines,
    lower_resolution,
    to_planes,
    transfer_colour,
)
from avfake.forgery.faces_in_place import centres, fit_similarity, pixel_grid, smooth_field
from avfake.forgery.self_blending import (
    SelfBlendConfig,
    draw_alteration,
    draw_opacity,
    self_blend,
)

_MOUTH = SelfBlendConfig(regions=("mouth", "mouth_and_chin"), hull_scale=(1.0, 1.2))
_FACE = SelfBlendConfig(regions=("whole_face", "no_forehead", "inner_face"))


def temporal_mouth(crops: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> FaceSwap:
    """Replace the mouth by that of another frame of the clip, aligned and matched in colour.

    All mouths come from a fixed number of frames later or earlier, sometimes played backwards, so
    that they move like mouths. crops: uint8 [T, S, S, 3]; landmarks: float32 [T, 5, 2] px. A mouth
    of a single frame is blended with itself.
    """
    count = len(crops)
    if count < 2:
        return self_blend(crops, landmarks, rng, _MOUTH)
    moments = np.roll(np.arange(count), int(rng.integers(1, count)))
    if rng.random() < 0.3 and count > 2:
        moments = np.roll(moments[::-1], 1)
    return _from_other_frames(crops, landmarks, moments, rng, _MOUTH)


def one_shot(crops: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> FaceSwap:
    """Put the face of one frame, rotated and shifted to follow the head, into all frames.

    As in talking heads made of a single picture, expression and texture do not change. Shapes and
    the case of a single frame as in `temporal_mouth`.
    """
    count = len(crops)
    if count < 2:
        return self_blend(crops, landmarks, rng, _FACE)
    return _from_other_frames(crops, landmarks, np.full(count, rng.integers(count)), rng, _FACE)


def warp_face(crops: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> FaceSwap:
    """Deform the face by a motion field that changes smoothly over time.

    As in reenactment by motion fields, there is no seam, but skin is deformed and resampled.
    """
    size = crops.shape[1]
    opacity = draw_opacity(landmarks, size, rng, _FACE)
    fields = [smooth_field(rng, 32, int(rng.integers(2, 6)), 2) for _ in range(3)]
    phase, speed = rng.uniform(0, 6.28), rng.uniform(0.1, 0.6)
    strength = rng.uniform(0.002, 0.006)  # of the side; twice that distorts a face grossly
    factor = rng.uniform(1.0, 2.0)

    def pulled(part: torch.Tensor, window: Window) -> torch.Tensor:
        frames, rows, columns = window
        angles = phase + speed * torch.arange(len(crops))[frames]
        turning = fields[0] + fields[1] * angles.cos()[:, None, None, None]
        field = (turning + fields[2] * angles.sin()[:, None, None, None]) * strength
        field = F.interpolate(field, (size, size), mode="bilinear", align_corners=False)
        field = field[:, :, rows, columns] * opacity[window][:, None]
        height, width = part.shape[2:]
        grid = torch.stack(torch.broadcast_tensors(*grid_lines(height, width)), dim=2)
        scale = torch.tensor([2 * size / width, 2 * size / height])
        grid = grid + field.permute(0, 2, 3, 1) * scale
        moved = F.grid_sample(part, grid, align_corners=False, padding_mode="border")
        return lower_resolution(moved, factor, "bilinear") if factor > 1.2 else moved

    return forge_windows(crops, opacity, pulled)


def _from_other_frames(
    crops: np.ndarray,
    landmarks: np.ndarray,
    moments: np.ndarray,
    rng: np.random.Generator,
    config: SelfBlendConfig,
) -> FaceSwap:
    """Replace a region of frame k by that of frame `moments`[k]."""
    points = landmarks.astype(float)
    opacity = draw_opacity(points, crops.shape[1], rng, config)
    back = fit_similarity(points, points[moments])
    alter = draw_alteration(rng, config) if rng.random() < 0.5 else None
    share, scale = rng.uniform(0.6, 1.0), 2 / crops.shape[1]

    def bring(part: torch.Tensor, window: Window) -> torch.Tensor:
        frames, rows, columns = window
        grid = pixel_grid(back[frames], centres(columns), centres(rows)) * scale - 1
        sources = to_planes(crops[moments[frames]])
        brought = F.grid_sample(sources, grid, align_corners=False, padding_mode="border")
        weights = opacity[window].mean(dim=0)[None, None]
        brought = transfer_colour(brought, brought, part, weights, share=share).clamp(0, 255)
        return brought if alter is None else alter(brought)

    return forge_windows(crops, opacity, bring)

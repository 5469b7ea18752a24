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
    lower_resolution,
    to_planes,
    transfer_colour,
    untouched,
)
from avfake.forgery.faces_in_place import fit_similarity, pixel_grid, smooth_field
from avfake.forgery.self_blending import (
    SelfBlendConfig,
    draw_alteration,
    draw_opacity,
    known_frames,
    self_blend,
)

_MOUTH = SelfBlendConfig(regions=("mouth", "mouth_and_chin"), hull_scale=(1.0, 1.2))
_FACE = SelfBlendConfig(regions=("whole_face", "no_forehead", "inner_face"))


def temporal_mouth(
    crops: np.ndarray, landmarks: np.ndarray, *, rng: np.random.Generator
) -> FaceSwap:
    """Replace the mouth by that of another frame of the clip, aligned and matched in colour.

    All mouths come from a fixed number of frames later or earlier, sometimes played backwards, so
    that they move like mouths. crops: uint8 [T, S, S, 3]; landmarks: float32 [T, 5, 2] px. With
    fewer than two known frames the mouth is blended with itself.
    """
    known = known_frames(crops, landmarks)
    count = int(known.sum())
    if count < 2:
        return self_blend(crops, landmarks, rng=rng, config=_MOUTH)
    moments = np.roll(np.arange(count), int(rng.integers(1, count)))
    if rng.random() < 0.3 and count > 2:
        moments = np.roll(moments[::-1], 1)
    return _from_other_frames(crops, landmarks, moments, rng=rng, config=_MOUTH)


def one_shot(crops: np.ndarray, landmarks: np.ndarray, *, rng: np.random.Generator) -> FaceSwap:
    """Put the face of one frame, rotated and shifted to follow the head, into all frames.

    As in talking heads made of a single picture, expression and texture do not change. Shapes and
    the case of fewer than two known frames as in `temporal_mouth`; one frame is only blended.
    """
    known = known_frames(crops, landmarks)
    count = int(known.sum())
    if count < 2:
        return self_blend(crops, landmarks, rng=rng, config=_FACE)
    moments = np.full(count, rng.integers(count))
    return _from_other_frames(crops, landmarks, moments, rng=rng, config=_FACE)


def warp_face(crops: np.ndarray, landmarks: np.ndarray, *, rng: np.random.Generator) -> FaceSwap:
    """Deform the face by a motion field that changes smoothly over time.

    As in reenactment by motion fields, there is no seam, but skin is deformed and resampled.
    """
    known = known_frames(crops, landmarks)
    if not known.any():
        return untouched(crops)
    size, count = crops.shape[1], int(known.sum())
    opacity = draw_opacity(landmarks[known], size, rng=rng, config=_FACE)
    fields = [smooth_field(rng, 32, int(rng.integers(2, 6)), 2) for _ in range(3)]
    phase, speed = rng.uniform(0, 6.28), rng.uniform(0.1, 0.6)
    strength = rng.uniform(0.002, 0.006)  # of the side; twice that distorts a face grossly
    factor = rng.uniform(1.0, 2.0)

    def pulled(part: torch.Tensor, window: Window) -> torch.Tensor:
        angles = phase + speed * torch.arange(count)[window.frames]
        turning = fields[0] + fields[1] * angles.cos()[:, None, None, None]
        field = (turning + fields[2] * angles.sin()[:, None, None, None]) * strength
        field = F.interpolate(field, (size, size), mode="bilinear", align_corners=False)
        field = (
            field[:, :, window.rows, window.columns]
            * opacity[window.frames, None, window.rows, window.columns]
        )
        shape = part.shape[2:]
        x, y = ((torch.arange(side) + 0.5) * (2 / side) - 1 for side in (shape[1], shape[0]))
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)
        scale = torch.tensor([2 * size / shape[1], 2 * size / shape[0]])
        grid = grid + field.permute(0, 2, 3, 1) * scale
        moved = F.grid_sample(part, grid, align_corners=False, padding_mode="border")
        return lower_resolution(moved, factor, "bilinear") if factor > 1.2 else moved

    return forge_windows(crops, known, opacity, pulled)


def _from_other_frames(
    crops: np.ndarray,
    landmarks: np.ndarray,
    moments: np.ndarray,
    *,
    rng: np.random.Generator,
    config: SelfBlendConfig,
) -> FaceSwap:
    """Replace a region of known frame k by that of known frame `moments`[k]."""
    known = known_frames(crops, landmarks)
    points, pictures = landmarks[known].astype(float), crops[known]
    opacity = draw_opacity(points, crops.shape[1], rng=rng, config=config)
    back = np.concatenate(
        [fit_similarity(p[None], q) for p, q in zip(points, points[moments], strict=True)]
    )
    alter = draw_alteration(rng, config) if rng.random() < 0.5 else None
    share, scale = rng.uniform(0.6, 1.0), 2 / crops.shape[1]

    def bring(part: torch.Tensor, window: Window) -> torch.Tensor:
        lines = [np.arange(s.start, s.stop) + 0.5 for s in (window.columns, window.rows)]
        grid = pixel_grid(back[window.frames], *lines) * scale - 1
        sources = to_planes(pictures[moments[window.frames]])
        brought = F.grid_sample(sources, grid, align_corners=False, padding_mode="border")
        weights = opacity[window.frames, window.rows, window.columns].mean(dim=0)[None, None]
        brought = transfer_colour(brought, brought, part, weights, share=share).clamp(0, 255)
        return brought if alter is None else alter(brought)

    return forge_windows(crops, known, opacity, bring)

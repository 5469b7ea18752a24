"""Crops of the mouth from a face crop, upright and of constant scale, on the device of the crop.

A square around the middle of the mouth's corners, its side relative to the distance from eyes to
mouth (which talking changes less than that between the corners), rotated so that the eyes are up.
faces [M, 3, S, S], landmarks [M, 5, 2] -> [M, 3, size_px, size_px]. No parameters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_DISTANCE_PX = 4.0
"""Distance from eyes to mouth, below which the mouth is too small or the landmarks are wrong."""
DEVIATION_FLOOR = 4.0
"""Grey levels; a flat picture is not amplified to noise."""


def eyes_to_mouth(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the middle of the mouth and the vector from the eyes to it, px.

    Args:
        landmarks: [..., 5, 2] left eye, right eye, nose, left and right mouth corner

    Returns:
        [..., 2] each
    """
    mouth = landmarks[..., 3:, :].mean(dim=-2)
    return mouth, mouth - landmarks[..., :2, :].mean(dim=-2)


def shows_mouth(landmarks: Tensor) -> Tensor:
    """Return whether a mouth can be cut out by the landmarks [..., 5, 2] -> [...] bool."""
    _, vector = eyes_to_mouth(landmarks)
    # NaN compares false.
    return vector.norm(dim=-1) >= MIN_DISTANCE_PX


def cut_mouths(faces: Tensor, landmarks: Tensor, *, size_px: int, extent: float) -> Tensor:
    """Return mouths with each colour at zero mean and unit deviation, free of light and skin tone.

    Args:
        faces: [M, 3, S, S] on 0..255
        landmarks: [M, 5, 2] px of the crop
        extent: side of the square in distances from eyes to mouth
    """
    mouth, vector = eyes_to_mouth(landmarks.float())
    distance = vector.norm(dim=-1, keepdim=True)
    down = vector / distance  # [M, 2]
    right = torch.stack([down[:, 1], -down[:, 0]], dim=-1)
    half = (extent * distance / 2)[:, None, None]  # [M, 1, 1, 1]
    steps = (torch.arange(size_px, device=faces.device) + 0.5) * (2 / size_px) - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    offsets = x[None, :, :, None] * right[:, None, None] + y[None, :, :, None] * down[:, None, None]
    coordinates = mouth[:, None, None] + half * offsets  # [M, size_px, size_px, 2] px
    grid = 2 * coordinates / faces.shape[-1] - 1
    with torch.autocast(faces.device.type, enabled=False):
        mouths = F.grid_sample(
            faces.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
        )
    deviation, mean = torch.std_mean(mouths, dim=(2, 3), keepdim=True)
    return (mouths - mean) / deviation.clamp(min=DEVIATION_FLOOR)

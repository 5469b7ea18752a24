"""The mouth cut out of a face crop, upright and of constant scale, on whatever device it lies.

A square around the middle of the mouth's corners, its side relative to the distance from eyes to
mouth (which talking changes less than that between the corners), turned so that eyes are above.
faces [M, 3, S, S], landmarks [M, 5, 2] -> [M, 3, size_px, size_px]. No parameters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_DISTANCE_PX = 4.0
"""From eyes to mouth; below, a crop shows no mouth worth reading, or its landmarks are wrong."""
DEVIATION_FLOOR = 4.0
"""Grey levels; a flat picture is not blown up to noise."""


def eyes_to_mouth(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Middle of the mouth and way from the eyes to it, px.

    Args:
        landmarks: [..., 5, 2] left eye, right eye, nose, left and right mouth corner

    Returns:
        [..., 2] each
    """
    mouth = landmarks[..., 3:, :].mean(dim=-2)
    return mouth, mouth - landmarks[..., :2, :].mean(dim=-2)


def shows_mouth(landmarks: Tensor) -> Tensor:
    """[..., 5, 2] -> [...] bool: whether the landmarks can be cut by."""
    _, way = eyes_to_mouth(landmarks)
    # NaN compares false.
    return way.norm(dim=-1) >= MIN_DISTANCE_PX


def cut_mouths(faces: Tensor, landmarks: Tensor, *, size_px: int, extent: float) -> Tensor:
    """Mouths with each colour at zero mean and unit deviation, so that light and skin go.

    Args:
        faces: [M, 3, S, S] on 0..255
        landmarks: [M, 5, 2] px of the crop
        extent: side of the square in distances from eyes to mouth
    """
    mouth, way = eyes_to_mouth(landmarks.float())
    distance = way.norm(dim=-1, keepdim=True)
    down = way / distance  # [M, 2]
    right = torch.stack([down[:, 1], -down[:, 0]], dim=-1)
    half = (extent * distance / 2)[:, None, None]  # [M, 1, 1, 1]
    steps = (torch.arange(size_px, device=faces.device) + 0.5) * (2 / size_px) - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    offsets = x[None, :, :, None] * right[:, None, None] + y[None, :, :, None] * down[:, None, None]
    places = mouth[:, None, None] + half * offsets  # [M, size_px, size_px, 2] px
    grid = 2 * places / faces.shape[-1] - 1
    with torch.autocast(faces.device.type, enabled=False):
        mouths = F.grid_sample(
            faces.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
        )
    deviation, mean = torch.std_mean(mouths, dim=(2, 3), keepdim=True)
    return (mouths - mean) / deviation.clamp(min=DEVIATION_FLOOR)

"""How a forged face is made to sit in the picture: its colours, its edge."""

import torch


def face_mask(
    places: torch.Tensor, *, half_width: float, half_height: float, softness: float
) -> torch.Tensor:
    """Opacity [T, H, W] of a pasted face at aligned places [T, H, W, 2]: an ellipse, brows to chin.

    softness: the width of the soft edge as a share of the ellipse, all of it inside.
    """
    x = (places[..., 0] - 0.5) / half_width
    y = (places[..., 1] - 0.54) / half_height
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
    """Faces with mean and spread of each channel moved by `share` from those of `sample` to `like`.

    faces, sample, like: [T, 3, H, W] float; weights: [1, 1, H, W], where to look in the last two.
    """
    mean, deviation = _moments(sample, weights)
    mean_like, deviation_like = _moments(like, weights)
    # Bounded, or a flat face would be blown up into noise.
    gain = (deviation_like / deviation).clamp(0.5, 2.0)
    matched = (faces - mean) * gain + mean_like
    return faces + share * (matched - faces)


def grain_level(pictures: torch.Tensor) -> float:
    """Deviation of the fine noise in [T, 3, H, W], in grey levels (Immerkaer 1996)."""
    # The second difference both ways: blind to slopes and straight edges; noise comes out 6-fold.
    ripple = pictures.diff(n=2, dim=2).diff(n=2, dim=3)
    return float(ripple.abs().mean()) * (torch.pi / 2) ** 0.5 / 6


def _moments(faces: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted mean and deviation over the whole clip: [1, 3, 1, 1] each."""
    total = weights.sum() * len(faces) + 1e-6
    mean = (faces * weights).sum(dim=(0, 2, 3), keepdim=True) / total
    variance = ((faces - mean) ** 2 * weights).sum(dim=(0, 2, 3), keepdim=True) / total
    return mean, variance.sqrt() + 1.0

"""Faces compressed and generated again, as by the decoder of a network.

Swaps, talking heads and lip-sync differ in what drives them, but their pixels all come from a
decoder: less detail than the camera recorded, the pattern of upsampling layers (Odena et al. 2016),
transform blocks of a latent grid, fine texture that is plausible but not true.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from avfake.forgery.compositing import FaceSwap, Window, forge_windows, lower_resolution
from avfake.forgery.self_blending import SelfBlendConfig, draw_opacity

_BLEND = SelfBlendConfig(ratios=(1.0,), hull_scale=(1.0, 1.25))
_WHOLE_PICTURE_SHARE = 0.25
"""How often there is no seam: portrait animation generates the whole picture."""
Change = Callable[[torch.Tensor], torch.Tensor]


def resynthesise(crops: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> FaceSwap:
    """Regenerate the face, or the whole picture, as a decoder would.

    crops: uint8 [T, S, S, 3]; landmarks: float32 [T, 5, 2] px. One draw for all frames.
    """
    size = crops.shape[1]
    opacity = draw_opacity(landmarks, size, rng, _BLEND)
    if rng.random() < _WHOLE_PICTURE_SHARE:
        opacity = torch.ones_like(opacity)
    steps = [upsampling_layers, latent_blocks, likely_texture]
    chosen = rng.permutation(3)[: int(rng.integers(1, 4))]
    changes = [steps[index](rng, size) for index in sorted(chosen.tolist())]

    def decode(part: torch.Tensor, _window: Window) -> torch.Tensor:
        for change in changes:
            part = change(part)
        return part.clamp(0, 255)

    return forge_windows(crops, opacity, decode)


def upsampling_layers(rng: np.random.Generator, size: int) -> Change:
    """Return a change: reduction, then transposed convolutions with uneven kernels."""
    layers = int(rng.integers(1, 3))
    factor = 2**layers * rng.uniform(0.5, 1.1) * size / 256
    kernels = []
    for _ in range(layers):
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        noise = torch.from_numpy(rng.standard_normal((3, 1, 4, 4), np.float32))
        kernels.append(line[:, None] * line * (1 + noise * rng.uniform(0.01, 0.12)))

    def change(planes: torch.Tensor) -> torch.Tensor:
        shape = list(planes.shape[2:])
        small = [max(4, round(side / max(1.0, factor))) for side in shape]
        made = F.interpolate(planes, small, mode="bilinear", antialias=True)
        for kernel in kernels:
            padded = F.pad(made, (1, 1, 1, 1), mode="replicate")
            made = F.conv_transpose2d(padded, kernel, stride=2, padding=3, groups=3)
        return F.interpolate(made, shape, mode="bilinear", antialias=True)

    return change


def latent_blocks(rng: np.random.Generator, size: int) -> Change:
    """Return a change: cosine coefficients of blocks, high ones dropped, the others rounded.

    Two shifted grids are averaged, because decoders overlap their cells.
    """
    block = int(rng.choice([4, 8, 16] if size >= 160 else [4, 8]))
    kept = rng.uniform(0.25, 0.75)  # share of the frequencies, along the diagonal
    step = float(10 ** rng.uniform(0.3, 1.4))  # grey levels
    k = torch.arange(block)
    basis = torch.cos(torch.pi / block * (k + 0.5) * k[:, None]) * (2 / block) ** 0.5
    basis[0] /= 2**0.5
    allowed = (k[:, None] + k) < 2 * kept * block * 0.75

    def quantised(planes: torch.Tensor) -> torch.Tensor:
        height, width = planes.shape[2:]
        padded = F.pad(planes, (0, -width % block, 0, -height % block), mode="replicate")
        rows, columns = padded.shape[2] // block, padded.shape[3] // block
        cells = padded.view(-1, 3, rows, block, columns, block).transpose(3, 4)
        weights = basis @ cells @ basis.T
        weights = (weights / step).round() * step * allowed
        cells = basis.T @ weights @ basis
        return cells.transpose(3, 4).reshape(padded.shape)[:, :, :height, :width]

    def change(planes: torch.Tensor) -> torch.Tensor:
        half = block // 2
        shifted = F.pad(planes, (half, 0, half, 0), mode="replicate")
        return (quantised(planes) + quantised(shifted)[:, :, half:, half:]) / 2

    return change


def likely_texture(rng: np.random.Generator, size: int) -> Change:
    """Return a change: the finest detail replaced by noise of equal strength, fixed over time."""
    share = rng.uniform(0.5, 1)
    factor = rng.uniform(1.5, 3) * max(1.0, size / 256)
    noise = torch.from_numpy(rng.standard_normal((1, 1, size, size), np.float32))
    # White noise is finer than the texture of networks.
    noise = F.avg_pool2d(F.pad(noise, (0, 1, 0, 1)), 2, stride=1) * 2

    def change(planes: torch.Tensor) -> torch.Tensor:
        coarse = lower_resolution(planes, factor, "bilinear")
        detail = planes - coarse
        strength = detail.mean(dim=1, keepdim=True).abs()
        local = F.avg_pool2d(strength, 5, stride=1, padding=2, count_include_pad=False)
        texture = local * noise[:, :, : planes.shape[2], : planes.shape[3]]
        return coarse + detail * (1 - share) + texture * share

    return change

"""Comparison of the faces of a video with its original's: where pictures differ, and how far.

Both are compared by structural similarity (SSIM; Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP
13/4) of their brightness. Coding lowers it everywhere alike; a forgery lowers it in the face.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from avfake.audit.labels.limits import decide

_LUMA = (0.299, 0.587, 0.114)
_CELLS = 12
"""A face box is divided into so many cells each way; a mouth is some 12 of the 144."""
_WORST_SHARE = 1 / 18
"""Share of the cells that counts, in the face and around it."""
_MARGIN = 0.25
"""Share of the side of a box that is neither face nor surroundings: forgeries reach beyond it."""
_FACE_PX = 96
"""Frames are shrunk until the smallest face has this side; much coding noise goes with it."""
_SIGMA_PX = 1.5
"""Deviation of SSIM's Gaussian window, as in the paper."""
_MAX_SHIFT_SHARE = 0.03
"""Share of the frame's larger side. Pictures shifted further are not compared."""
_LEAST_OUTSIDE = 0.6
"""Where the surroundings are less alike, it is another picture and no label is derived."""
_LEAST_OUTSIDE_SHARE = 0.03
"""Share of the frame: with less around the face there is nothing to compare it with."""
_UNCHANGED_BELOW, _CHANGED_ABOVE = 0.1, 0.22
"""Limits of the distance. Measured on the originals of 5 real pairs: copies by H.264 at CRF 18 to
36 at most 0.06, at CRF 42 at most 0.15 (undecided), shifted ones 0.0; the 7 forgeries (face swaps,
reenactment of a mouth, lip-sync) at least 0.26."""


@dataclass(frozen=True)
class PictureComparison:
    """How far the faces of a video are from those of its original."""

    changed: bool | None
    """None: unknown, see `why`."""
    ssim_inside: float | None = None
    """Mean in the box of the face that differs most."""
    ssim_outside: float | None = None
    """Mean over all that is well outside every face."""
    distance: float | None = None
    """How much less alike the worst cells of that face are than the worst cells around it, each
    cell taken over time; near 0 for copies, however coarsely coded."""
    shift_px: tuple[int, int] = (0, 0)
    """(right, down) by which the fake is shifted."""
    masks: np.ndarray | None = None
    """uint8 [T, h, w], 255 (1 - SSIM), of the whole frame at the size of the comparison."""
    why: str | None = None
    """A code of `NO_LABEL_REASONS`."""


@torch.inference_mode()
def compare_faces(fake: np.ndarray, original: np.ndarray, boxes: np.ndarray) -> PictureComparison:
    """Return whether any of the faces was changed, with the measured distances.

    fake, original: uint8 [T, H, W, 3], frame by frame of the same instants
    boxes: float [P, T, 4] px on the original, a row a person; NaN where the face is not seen
    """
    if fake.shape != original.shape:
        return PictureComparison(None, why="other_size")
    if boxes.ndim != 3 or boxes.shape[1:] != (len(fake), 4):
        raise ValueError(f"boxes must be [P, {len(fake)}, 4], got {boxes.shape}")
    seen = boxes[np.isfinite(boxes).all(2).any(1)]
    if not len(seen):
        return PictureComparison(None, why="no_face")
    grey = [brightness(frames) for frames in (fake, original)]
    right, down = find_shift(*grey)
    if max(abs(right), abs(down)) > _MAX_SHIFT_SHARE * max(fake.shape[1:3]):
        return PictureComparison(None, shift_px=(right, down), why="not_aligned")
    scale = min(1.0, _FACE_PX / _sides(seen).min())
    small = [_shrunk(x, scale) for x in (_moved(grey[0], -right, -down), grey[1])]
    similar = ssim(*small)
    margin = round(max(abs(right), abs(down)) * scale)
    found = _assessed(similar, seen * scale, margin)
    masks = (255 * (1 - similar).clamp(0, 1)).round().byte().numpy()
    return replace(found, shift_px=(right, down), masks=masks)


def _assessed(similar: torch.Tensor, boxes: np.ndarray, margin: int) -> PictureComparison:
    outside = _outside(tuple(similar.shape), boxes, margin)
    if float(outside.float().mean()) < _LEAST_OUTSIDE_SHARE:
        return PictureComparison(None, why="no_surroundings")
    cells = [found for box in boxes if (found := _face_cells(similar, box)) is not None]
    around = _outside_cells(similar, outside, max(2, round(_sides(boxes).min() / _CELLS)))
    if not cells or not len(around):
        return PictureComparison(None, why="face_too_small")
    face = min(cells, key=_worst)
    inside, elsewhere = float(face.mean()), float(similar[outside].mean())
    distance = _worst(around) - _worst(face)
    changed, why = decide(distance, _UNCHANGED_BELOW, _CHANGED_ABOVE)
    if elsewhere < _LEAST_OUTSIDE:
        changed, why = None, "other_picture"
    return PictureComparison(changed, inside, elsewhere, distance, why=why)


def _sides(boxes: np.ndarray) -> np.ndarray:
    """Return each person's larger side in px, median over the frames, [P]."""
    return np.nanmedian((boxes[..., 2:] - boxes[..., :2]).max(2), axis=1)


def _worst(cells: torch.Tensor) -> float:
    ordered = cells.flatten().sort().values
    return float(ordered[: max(1, round(_WORST_SHARE * len(ordered)))].mean())


def brightness(frames: np.ndarray) -> torch.Tensor:
    """Return the brightness of pictures, float32 [T, H, W] in 0..1."""
    weights = torch.tensor(_LUMA) / 255
    return torch.stack([torch.from_numpy(frame).float() @ weights for frame in frames])


def _shrunk(pictures: torch.Tensor, scale: float) -> torch.Tensor:
    """Return smaller pictures [T, h, w], without aliasing."""
    if scale == 1.0:
        return pictures
    size = [max(1, round(side * scale)) for side in pictures.shape[1:]]
    return F.interpolate(pictures[:, None], size, mode="bilinear", antialias=True)[:, 0]


def ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the SSIM map [T, h, w] of pictures [T, h, w] in 0..1: 1 where they are the same."""
    # The paper's constants: K1 = 0.01 and K2 = 0.03 of the range, squared.
    small, smaller = 0.03**2, 0.01**2
    means = [_blurred(x) for x in (first, second)]
    variances = [_blurred(x * x) - m**2 for x, m in zip((first, second), means, strict=True)]
    covariance = _blurred(first * second) - means[0] * means[1]
    light = (2 * means[0] * means[1] + smaller) / (means[0] ** 2 + means[1] ** 2 + smaller)
    return light * (2 * covariance + small) / (variances[0] + variances[1] + small)


def _blurred(pictures: torch.Tensor) -> torch.Tensor:
    reach = 5  # 11 taps, as in the paper
    weights = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * _SIGMA_PX**2))
    weights = weights / weights.sum()
    padded = F.pad(pictures[:, None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])[:, 0]


def find_shift(fake: torch.Tensor, original: torch.Tensor) -> tuple[int, int]:
    """Return (right, down) px by which the fake is shifted: the peak of the phase correlation.

    Four frames vote together; a window removes the borders, where the two show different things.
    """
    chosen = torch.linspace(0, len(fake) - 1, min(4, len(fake))).round().long()
    fake, original = fake[chosen], original[chosen]
    height, width = fake.shape[1:]
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    first, second = (torch.fft.rfft2((x - x.mean()) * window) for x in (fake, original))
    cross = (first * second.conj()).sum(0)
    # Frequencies that hold nothing but rounding have a phase as well; it must not vote.
    size = cross.abs()
    correlation = torch.fft.irfft2(cross / (size + 1e-3 * size.mean() + 1e-12), s=(height, width))
    down, right = divmod(int(correlation.argmax()), width)
    right = (right + width // 2) % width - width // 2
    down = (down + height // 2) % height - height // 2
    # Coarse coding and large forgeries make false peaks; a true one makes the two alike.
    moved = (_moved(fake, -right, -down) - original).abs().mean()
    return (right, down) if moved < (fake - original).abs().mean() else (0, 0)


def _moved(pictures: torch.Tensor, right: int, down: int) -> torch.Tensor:
    return torch.roll(pictures, (down, right), (1, 2)) if right or down else pictures


def _outside(shape: tuple[int, ...], boxes: np.ndarray, margin: int) -> torch.Tensor:
    """Return what is well outside every face and off the moved borders, bool [T, h, w]."""
    outside = torch.zeros(shape, dtype=torch.bool)
    outside[:, margin : shape[1] - margin, margin : shape[2] - margin] = True
    grown = boxes + _MARGIN * np.tile(boxes[..., 2:] - boxes[..., :2], 2) * [-1, -1, 1, 1]
    for person in _whole_pixels(grown):
        for picture, (x0, y0, x1, y1) in zip(outside, person, strict=True):
            picture[y0:y1, x0:x1] = False
    return outside


def _whole_pixels(boxes: np.ndarray) -> np.ndarray:
    """Return boxes as bounds of slices, int; those of a face that is not seen hold nothing."""
    return np.nan_to_num(boxes).clip(0).round().astype(int)


def _outside_cells(similar: torch.Tensor, outside: torch.Tensor, side: int) -> torch.Tensor:
    """Return cells of the surroundings [K], each the mean over the instants when it is outside."""
    free = outside.float()
    sums = F.avg_pool2d((similar * free).sum(0)[None], side)[0]
    counts = F.avg_pool2d(free.sum(0)[None], side)[0]
    return (sums / counts.clamp_min(1e-6))[counts >= 0.5 * len(similar)]


def _face_cells(similar: torch.Tensor, boxes: np.ndarray) -> torch.Tensor | None:
    """Return the face over time, [cells, cells]; None where it is too small to be divided."""
    bounds = zip(similar, _whole_pixels(boxes), strict=True)
    faces = [picture[y0:y1, x0:x1] for picture, (x0, y0, x1, y1) in bounds]
    cells = [F.adaptive_avg_pool2d(f[None], _CELLS)[0] for f in faces if min(f.shape) >= _CELLS]
    return torch.stack(cells).mean(0) if cells else None

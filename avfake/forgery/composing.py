"""Forged pixels put into genuine frames, and the truth kept about which."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

_FRAMES_AT_A_TIME = 4


@dataclass(frozen=True)
class FaceSwap:
    """Forged frames and the truth about them."""

    pixels: np.ndarray
    """uint8 [T, H, W, 3]."""
    mask: np.ndarray
    """bool [T, H, W]: the forged area; outside it each pixel is as it was."""


def to_planes(pixels: np.ndarray) -> torch.Tensor:
    """uint8 [T, H, W, 3] -> float32 [T, 3, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()


def to_pixels(planes: torch.Tensor) -> np.ndarray:
    """float32 [T, 3, H, W] -> uint8 [T, H, W, 3]."""
    return planes.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def compose(
    target: np.ndarray, where: tuple[slice, slice], blended: torch.Tensor, opacity: torch.Tensor
) -> FaceSwap:
    """The target [T, H, W, 3] with its part `where` (rows, columns) taken from `blended`.

    blended: [T, 3, h, w]; opacity: [T, h, w], how much of each pixel is forged.
    """
    forged = to_pixels(blended)
    # Below this opacity no channel can move by half a grey level.
    area = (opacity > 0.5 / 255).numpy()
    pixels, mask = target.copy(), np.zeros(target.shape[:3], bool)
    part = pixels[:, where[0], where[1]]
    part[area] = forged[area]
    mask[:, where[0], where[1]] = area
    return FaceSwap(pixels, mask)


def untouched(frames: np.ndarray) -> FaceSwap:
    """The frames [T, H, W, 3] as they are, with an empty mask."""
    return FaceSwap(frames.copy(), np.zeros(frames.shape[:3], bool))


@dataclass(frozen=True)
class Window:
    """The part of a clip's crops that is forged at a time."""

    frames: slice
    """Of the frames whose face is known."""
    rows: slice
    columns: slice


def forge_windows(
    crops: np.ndarray,
    known: np.ndarray,
    opacity: torch.Tensor,
    forge: Callable[[torch.Tensor, Window], torch.Tensor],
) -> FaceSwap:
    """The crops [T, S, S, 3] with forge(part [k, 3, h, w], window) laid over the `known` [T] ones.

    opacity: [K, S, S] of the known frames. Only the square round all masks is worked on, a few
    frames at a time: what fits the cache is several times faster.
    """
    whole = untouched(crops)
    indices = np.flatnonzero(known)
    rows, columns = _reach(opacity)
    for start in range(0, len(indices), _FRAMES_AT_A_TIME):
        window = Window(slice(start, start + _FRAMES_AT_A_TIME), rows, columns)
        chosen = indices[window.frames]
        target = crops[chosen]
        part = to_planes(target[:, rows, columns])
        cover = opacity[window.frames, rows, columns]
        blended = part.lerp(forge(part, window), cover[:, None])
        swap = compose(target, (rows, columns), blended, cover)
        whole.pixels[chosen], whole.mask[chosen] = swap.pixels, swap.mask
    return whole


def _reach(opacity: torch.Tensor) -> tuple[slice, slice]:
    """Rows and columns that hold every mask, with room for what moves and what is filtered."""
    seen = opacity.amax(dim=0) > 0
    size = len(seen)
    room = 4 + size // 20
    bounds = []
    for used in (seen.any(dim=1), seen.any(dim=0)):
        places = used.nonzero()
        low, high = (int(places[0]), int(places[-1])) if len(places) else (0, 0)
        bounds.append(slice(max(0, low - room), min(size, high + 1 + room)))
    return bounds[0], bounds[1]

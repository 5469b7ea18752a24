"""Swap of a face for that of another person, frame by frame, with the traces of real swaps.

Such traces are a face of lower resolution than its surroundings, colours that differ slightly, a
blended edge, a face that jitters against the head and flickers over time, and no camera noise.
`difficulty` reduces all of them together.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from avfake.errors import ConfigError
from avfake.forgery.compositing import (
    FaceSwap,
    compose,
    draw_flicker,
    face_mask,
    grain_level,
    to_planes,
    transfer_colour,
)
from avfake.forgery.faces_in_place import TEMPLATE, centres, fit_similarity, invert, pixel_grid

_COLOUR_PX = 48
"""Side of the aligned faces on which colours are compared."""


@dataclass(frozen=True)
class SwapTraces:
    """Traces of one swap."""

    resolution_px: int
    """Side of the aligned face that the simulated network generates."""
    checker: float
    """Strength of the checkerboard pattern of upsampling networks (Odena et al. 2016)."""
    colour_share: float
    """How far the colours are matched to the target; 1 = completely."""
    edge: float
    """Width of the soft edge as a share of the face."""
    tremble: float
    """Deviation of the landmarks, as a share of the aligned face's side."""
    flicker: float
    """Deviation of the brightness from frame to frame, as a share."""
    grain_share: float
    """Share of the camera noise that is added to the smooth face again."""
    half_width: float
    half_height: float
    """Half width and height of the pasted area, as shares of the aligned face's side."""


def _draw_traces(rng: np.random.Generator, difficulty: float) -> SwapTraces:
    if not 0 <= difficulty <= 1:
        raise ConfigError(f"difficulty must lie in 0..1, got {difficulty}")
    ease = 1 - difficulty
    return SwapTraces(
        resolution_px=int(rng.uniform(26, 36) * 6 ** (difficulty * rng.uniform(0.8, 1))),
        checker=0.08 * ease * rng.uniform(0.5, 1),
        colour_share=1 - ease * rng.uniform(0.3, 0.8),
        edge=0.45 - ease * rng.uniform(0.2, 0.4),
        tremble=0.001 + 0.014 * ease * rng.uniform(0.4, 1),
        flicker=0.002 + 0.04 * ease * rng.uniform(0.4, 1),
        grain_share=max(0.0, 2 * difficulty - 1) * rng.uniform(0.6, 1),
        half_width=rng.uniform(0.27, 0.32),
        half_height=rng.uniform(0.31, 0.37),
    )


def swap_faces(
    target: np.ndarray,
    target_landmarks: np.ndarray,
    source: np.ndarray,
    source_landmarks: np.ndarray,
    *,
    difficulty: float,
    rng: np.random.Generator,
) -> FaceSwap:
    """Replace the face of the target by that of the source, with traces drawn by `difficulty`.

    target: uint8 [T, H, W, 3]; source: uint8 [T, h, w, 3], one face a frame, or [1, h, w, 3].
    *_landmarks: float [T or 1, 5, 2] px, in the order of `faces.Detections`. difficulty: 0 leaves
    obvious traces, 1 hardly visible ones.
    """
    traces = _draw_traces(rng, difficulty)
    count = len(target)
    _check(target, target_landmarks, "target", (count,))
    _check(source, source_landmarks, "source", (1, count))
    trembling = rng.normal(0, traces.tremble, (count, 1, 2)) + rng.normal(
        0, traces.tremble / 2, (count, 5, 2)
    )
    to_aligned = fit_similarity(np.asarray(target_landmarks, float), TEMPLATE + trembling)
    rows, columns = _reach(to_aligned, target.shape[1:3])
    part = to_planes(target[:, rows, columns])
    coordinates = pixel_grid(to_aligned, centres(columns), centres(rows))

    aligned = fit_similarity(np.asarray(source_landmarks, float), TEMPLATE)
    faces = _sample(to_planes(source), aligned, traces.resolution_px)
    faces = _match_colours(faces, target, to_aligned, traces.colour_share)
    faces = faces * _checkers(traces)
    if len(faces) == 1:
        faces = faces.expand(count, -1, -1, -1)
    pasted = F.grid_sample(faces, coordinates * 2 - 1, align_corners=False, padding_mode="border")
    pasted = pasted * draw_flicker(rng, count, traces.flicker)
    grain = traces.grain_share * grain_level(part[:: max(1, count // 6)])
    pasted += grain * torch.from_numpy(rng.standard_normal(pasted.shape, dtype=np.float32))
    mask = face_mask(
        coordinates,
        half_width=traces.half_width,
        half_height=traces.half_height,
        softness=traces.edge,
    )
    return compose(target, (rows, columns), part.lerp(pasted, mask[:, None]), mask)


def _reach(to_aligned: np.ndarray, size: tuple[int, ...]) -> tuple[slice, slice]:
    """Return rows and columns that contain the aligned square of every frame."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], float).T
    coordinates = invert(to_aligned) @ corners  # [T, 2, 4]
    low = np.floor(coordinates.min(axis=(0, 2))).astype(int).clip(0)
    high = np.maximum(np.ceil(coordinates.max(axis=(0, 2))).astype(int), low + 1)
    return slice(low[1], min(high[1], size[0])), slice(low[0], min(high[0], size[1]))


def _sample(pictures: torch.Tensor, to_aligned: np.ndarray, side_px: int) -> torch.Tensor:
    """Cut the aligned face [T, 3, side, side] out of each picture [T, 3, H, W]."""
    line = (np.arange(side_px) + 0.5) / side_px
    coordinates = pixel_grid(invert(to_aligned), line, line)
    height, width = pictures.shape[2:]
    scale = torch.tensor([2 / width, 2 / height])
    return F.grid_sample(
        pictures, coordinates * scale - 1, align_corners=False, padding_mode="border"
    )


def _match_colours(
    faces: torch.Tensor, target: np.ndarray, to_aligned: np.ndarray, share: float
) -> torch.Tensor:
    """Move the colours of the faces towards those of the face that they replace."""
    step = max(1, len(target) // 6)
    like = _sample(to_planes(target[::step]), to_aligned[::step], _COLOUR_PX)
    mine = F.interpolate(faces[::step] if len(faces) > 1 else faces, size=(_COLOUR_PX,) * 2)
    line = (np.arange(_COLOUR_PX) + 0.5) / _COLOUR_PX
    coordinates = pixel_grid(np.eye(2, 3)[None], line, line)
    inside = face_mask(coordinates, half_width=0.26, half_height=0.32, softness=0.2)[:, None]
    return transfer_colour(faces, mine, like, inside, share=share)


def _checkers(traces: SwapTraces) -> torch.Tensor:
    """Return gains [S, S] that alternate above and below 1."""
    line = torch.arange(traces.resolution_px)
    return 1 + traces.checker * (1 - 2.0 * ((line[:, None] + line) % 2))


def _check(pixels: np.ndarray, landmarks: np.ndarray, name: str, counts: tuple[int, ...]) -> None:
    is_picture = pixels.dtype == np.uint8 and pixels.ndim == 4 and pixels.shape[3] == 3
    if not is_picture or len(pixels) not in counts or landmarks.shape != (len(pixels), 5, 2):
        raise ValueError(
            f"{name} and its landmarks must be uint8 [T, H, W, 3] and [T, 5, 2] with T in "
            f"{counts}, got {pixels.dtype} {pixels.shape} and {landmarks.shape}"
        )
